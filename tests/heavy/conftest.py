"""The servers of the heavy tests, one of each a session; their logs are shown with a failed test."""

import os
from collections.abc import Generator, Iterator

import pytest

from tests.servers.aimock import Aimock, aimock_server
from tests.servers.child import server_logs
from tests.servers.litellm_proxy import LiteLLMProxy, litellm_proxy_server
from tests.servers.neo4j import Neo4jServer, neo4j_server
from tests.servers.phoenix import PhoenixServer, phoenix_server
from tests.servers.temporal_server import TemporalServer, temporal_server


@pytest.fixture(scope="session")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    with temporal_server(tmp_path_factory.mktemp("temporal")) as server:
        yield server


@pytest.fixture(scope="session")
def litellm_proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiteLLMProxy]:
    with litellm_proxy_server(tmp_path_factory.mktemp("litellm_proxy")) as server:
        yield server


@pytest.fixture(scope="session")
def neo4j(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neo4jServer]:
    """One of our own, or the one that NEO4J_URL names."""
    if url := os.environ.get("NEO4J_URL"):
        yield Neo4jServer(url, None)
        return
    with neo4j_server(tmp_path_factory.mktemp("neo4j")) as server:
        yield server


@pytest.fixture(scope="session")
def phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PhoenixServer]:
    with phoenix_server(tmp_path_factory.mktemp("phoenix")) as server:
        yield server


@pytest.fixture(scope="session")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aimock]:
    """What programs of another environment ask for models."""
    with aimock_server(tmp_path_factory.mktemp("aimock") / "server.log") as server:
        yield server


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and isinstance(item, pytest.Function):
        report.sections += server_logs(item.funcargs.values())
    return report
