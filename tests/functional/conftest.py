"""The servers of the functional tests, one of each a session; their logs are shown with a failed test."""

import inspect
from collections.abc import AsyncIterator, Generator, Iterator
from functools import cache

import pytest
import pytest_asyncio
import typer.main
import typer.testing

from tests.servers.aimock import Aimock, aimock_server
from tests.servers.child import server_logs
from tests.servers.fault_server import FaultServer, fault_server
from tests.servers.leaks import LeakCheck
from tests.servers.smollm import SmolLM, smollm_server

LONGEST = {
    f"test_{name}.py"
    for name in (
        "benchmarks",
        "cli",
        "cli_flow",
        "code_hostile",
        "code_limits",
        "concurrency",
        "credentials_litellm",
        "credentials_stay_inside",
        "decisions_once",
        "detector_corpus",
        "flow_workers",
        "flows_killed",
        "mcp_faults",
        "nested_runs",
        "policy_table",
        "random_mail",
        "random_sessions",
        "random_swarms",
        "replayed_answers",
        "service_desk",
        "strict_endpoints",
        "telemetry_ends",
        "telemetry_failing",
        "tenant_budgets",
    )
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: a file is one worker's, and another shall not wait for it at the end."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


@pytest.fixture(scope="session", autouse=True)
def commands_are_put_together_once() -> Iterator[None]:
    """typer does it at every call, which takes longer than most commands that the tests call in their own process."""
    kept = cache(typer.main.get_command)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", kept)
        patch.setattr(typer.testing, "_get_command", kept)
        yield


@pytest.fixture(scope="session")
def smollm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmolLM]:
    """A real, small language model in llama.cpp's server."""
    with smollm_server(tmp_path_factory.mktemp("smollm") / "server.log") as server:
        yield server


@pytest.fixture(scope="session")
def aimock_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aimock]:
    with aimock_server(tmp_path_factory.mktemp("aimock") / "server.log") as server:
        yield server


@pytest.fixture
def aimock(aimock_session: Aimock) -> Aimock:
    """The session's aimock with an empty journal, the fixtures of the files and no chaos."""
    aimock_session.reset()
    return aimock_session


@pytest.fixture(scope="session")
def faults() -> Iterator[FaultServer]:
    """Our own server for everything that goes wrong on the wire."""
    with fault_server() as server:
        yield server


@pytest.fixture
def leaks(request: pytest.FixtureRequest) -> LeakCheck:
    """Fails the test if tasks, threads or sockets are left behind when it has had time to end.

    Name it first among the fixtures: what is set up after it is taken down before it looks.
    """
    kind = "leaks_async" if inspect.iscoroutinefunction(request.function) else "leaks_sync"
    check: LeakCheck = request.getfixturevalue(kind)
    return check


@pytest_asyncio.fixture
async def leaks_async() -> AsyncIterator[LeakCheck]:
    check = LeakCheck()
    yield check
    await check.settle()


@pytest.fixture
def leaks_sync() -> Iterator[LeakCheck]:
    check = LeakCheck()
    yield check
    check.wait()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the logs of the servers that a failed test used under its traceback."""
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        used = item.funcargs.values()
        report.sections += server_logs(used)
        for faulty in [value for value in used if isinstance(value, FaultServer)]:
            report.sections.append(("fault server: last requests", faulty.recent()))
    return report
