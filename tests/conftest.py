"""What every test has."""

import gc
import json
import logging
import os
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from importlib import import_module
from importlib.util import find_spec
from ssl import SSLContext

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
_LOOKED = pytest.StashKey[tuple[int, int]]()
LOOK_EVERY, MANY = 25, 50_000


def pytest_collection_finish() -> None:
    """Leave out what the imports made where the garbage collector looks: at every test it is asked for tasks left."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Keep for the fixtures of a test which one follows it, and leave out what big packages made since then as well.

    They are imported, or load their data, in the tests: litellm, or the detectors of Presidio.
    """
    item.stash[_FOLLOWED_BY] = nextitem
    tests, modules = item.session.stash.get(_LOOKED, (LOOK_EVERY, 0))
    if tests < LOOK_EVERY and len(sys.modules) < modules + 50:
        item.session.stash[_LOOKED] = tests + 1, modules
        return
    item.session.stash[_LOOKED] = 0, len(sys.modules)
    if len(gc.get_objects()) > MANY:
        gc.collect()
        gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, dict[str, object] | None, dict[str, object] | None]:
    """Replace what UTF-8 cannot encode: a failure that shows half of a surrogate pair would end the worker process."""
    report = yield
    text = json.dumps(report, ensure_ascii=False, default=str)
    return report if text.isascii() or _is_encodable(text) else json.loads(text.encode(errors="replace"))


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@pytest.fixture(autouse=True)
def litellm_left_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    """litellm's own clients may leave connections open; the tests of the next file must not be blamed for them."""
    yield
    item: pytest.Item = request.node
    following = item.stash[_FOLLOWED_BY]
    if item.get_closest_marker("litellm") and (following is None or following.path != item.path):
        gc.collect()


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """`debug=True` and `log_level=` hold for the whole process, and would have later tests log and keep every run."""
    logger = logging.getLogger("lightagent")
    level, handlers = logger.level, [*logger.handlers]
    yield
    logger.setLevel(level)
    for handler in [handler for handler in logger.handlers if handler not in handlers]:
        logger.removeHandler(handler)
        handler.close()


@pytest.fixture(autouse=True, scope="session")
def state_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Which files are trusted is remembered for the tests alone, and not where the user's own records are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture(autouse=True, scope="session")
def certificates_are_read_once() -> Iterator[None]:
    """Each client of a provider's SDK or of MCP reads those of the machine, which takes longer than most requests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("httpx", "httpx2"):
            if find_spec(name) is not None:
                transports = import_module(f"{name}._transports.default")
                patch.setattr(transports, "create_ssl_context", _kept(transports.create_ssl_context))
        yield


def _kept(make: Callable[..., SSLContext]) -> Callable[..., SSLContext]:
    made: dict[tuple[bool, str | None, str | None], SSLContext] = {}

    def create(verify: object = True, cert: object = None, trust_env: bool = True) -> SSLContext:
        if verify is not True or cert:
            return make(verify=verify, cert=cert, trust_env=trust_env)
        key = (trust_env, os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))
        if key not in made:
            made[key] = make(trust_env=trust_env)
        return made[key]

    return create


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
