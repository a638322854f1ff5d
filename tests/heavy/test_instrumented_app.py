"""An agent in a web application that is instrumented: one connected trace, and nothing of the application changed."""

from __future__ import annotations

import pytest

from tests.servers.aimock import Aimock
from tests.support.instrumented_programs import span_id, told_by

pytestmark = [pytest.mark.timeout(200), pytest.mark.needs("instrumented"), pytest.mark.needs("aimock")]


@pytest.mark.parametrize("way", ["awaited", "threaded", "streamed"])
@pytest.mark.parametrize("kind", ["fastapi", "asgi"])
def test_a_request_is_one_connected_trace(endpoint: Aimock, kind: str, way: str) -> None:
    told = told_by("instrumented_app", kind, way, endpoint.base_url)
    assert told.said["text"] == "19 + 23 = 42."
    # What is told of each message that a server sends and receives is not of interest.
    assert [place for place in told.places if not place[0].endswith((" http send", " http receive"))] == [
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
    assert told.traces == {told.said["trace_id"]}
    assert told.said["globals_unchanged"] is True


def test_endpoints_are_told_the_span_of_the_request_itself(endpoint: Aimock) -> None:
    endpoint.clear_journal()
    told = told_by("instrumented_app", "fastapi", "awaited", endpoint.base_url)
    sent = [entry.headers["traceparent"] for entry in endpoint.journal()]
    posts = [span_id(span).removeprefix("0x") for span in told.spans if span["name"] == "POST"]
    assert [header[:-3] for header in sent] == [f"00-{told.said['trace_id']}-{post}" for post in posts]
