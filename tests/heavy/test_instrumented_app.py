"""An agent in a web application that is instrumented: one connected trace, and nothing of the application changed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence

import pytest

from tests.servers.aimock import Aimock, aimock_server
from tests.servers.json_values import JsonObject, as_list, as_object, parse
from tests.toolchains import ROOT

pytestmark = [pytest.mark.timeout(200), pytest.mark.needs("instrumented"), pytest.mark.needs("aimock")]

PYTHON = ROOT / ".tools/instrumented/bin/python"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aimock]:
    with aimock_server(tmp_path_factory.mktemp("aimock") / "server.log") as server:
        yield server


def told_by(module: str, *arguments: str) -> JsonObject:
    """What a program of that environment prints."""
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    command = [str(PYTHON), "-m", f"tests.heavy.{module}", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr[-3_000:]
    assert "Overriding" not in done.stderr
    return as_object(parse(done.stdout))


def places(spans: Sequence[JsonObject]) -> list[tuple[str, str]]:
    """The name of each span and of the one above it; ours and the application's, and the requests of HTTP."""
    names = {span_id(span): str(span["name"]) for span in spans}
    return [(str(span["name"]), names.get(str(span["parent_id"]), "")) for span in spans]


def span_id(span: JsonObject) -> str:
    return str(as_object(span["context"])["span_id"])


@pytest.mark.parametrize("way", ["awaited", "threaded", "streamed"])
@pytest.mark.parametrize("kind", ["fastapi", "asgi"])
def test_a_request_is_one_connected_trace(endpoint: Aimock, kind: str, way: str) -> None:
    told = told_by("instrumented_app", kind, way, endpoint.base_url)
    assert told["text"] == "19 + 23 = 42."
    spans = [as_object(span) for span in as_list(told["spans"])]
    # What it tells of each message that a server sends and receives is not of interest.
    found = [place for place in places(spans) if not place[0].endswith((" http send", " http receive"))]
    assert found == [
        ("GET", ""),
        ("GET /ask", "GET"),
        ("invoke_agent desk", "GET /ask"),
        ("chat gpt", "invoke_agent desk"),
        ("POST", "chat gpt"),
        ("execute_tool add", "invoke_agent desk"),
        ("look it up", "execute_tool add"),
        ("chat gpt", "invoke_agent desk"),
        ("POST", "chat gpt"),
    ]
    assert {as_object(span["context"])["trace_id"] for span in spans} == {f"0x{told['trace_id']}"}
    assert told["globals_unchanged"] is True


def test_endpoints_are_told_the_span_of_the_request_itself(endpoint: Aimock) -> None:
    endpoint.clear_journal()
    told = told_by("instrumented_app", "fastapi", "awaited", endpoint.base_url)
    sent = [entry.headers["traceparent"] for entry in endpoint.journal()]
    requests = [span_id(as_object(span)) for span in as_list(told["spans"]) if as_object(span)["name"] == "POST"]
    assert [one[:-3] for one in sent] == [f"00-{told['trace_id']}-{one.removeprefix('0x')}" for one in requests]
