"""What every test has."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import HealthCheck, settings

from tests.servers.postgres import PostgresServer, postgres_server
from tests.support.warm_programs import WarmPrograms

pytest_plugins = ["tests.toolchains"]

# Left alone, importing litellm fetches a price list from the network.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

# On a busy machine an example takes as long as it takes.
settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")


_FOLLOWED_BY = pytest.StashKey[pytest.Item | None]()
_FROZEN = pytest.StashKey[bool]()


def pytest_collection_finish() -> None:
    """Leave out what the imports made where the garbage collector looks: at every test it is asked for tasks left."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Keep for the fixtures of a test which one follows it, and leave out what importing litellm made as well."""
    item.stash[_FOLLOWED_BY] = nextitem
    if "litellm" in sys.modules and _FROZEN not in item.session.stash:
        item.session.stash[_FROZEN] = True
        gc.collect()
        gc.freeze()


@pytest.fixture(autouse=True)
def litellm_left_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    """litellm's own clients may leave connections open; the tests of the next file must not be blamed for them."""
    yield
    item: pytest.Item = request.node
    following = item.stash[_FOLLOWED_BY]
    if item.get_closest_marker("litellm") and (following is None or following.path != item.path):
        gc.collect()


@pytest.fixture(autouse=True, scope="session")
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Which files are trusted is remembered for the tests alone, and not where the user's own records are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="session")
def warm_programs() -> Iterator[WarmPrograms]:
    """Runs programs in processes of their own that need not import the package."""
    with closing(WarmPrograms()) as programs:
        yield programs
