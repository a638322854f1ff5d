"""Model calls that somebody else traces as well: each is one chat span and is counted once; requests of HTTP stay."""

from __future__ import annotations

import pytest

from tests.servers.aimock import Aimock
from tests.servers.json_values import as_object
from tests.support.instrumented_programs import span_id, told_by

pytestmark = [pytest.mark.timeout(200), pytest.mark.needs("instrumented"), pytest.mark.needs("aimock")]

WAYS = pytest.mark.parametrize("way", ["plain", "streamed"])
OURS = ["invoke_agent desk", "chat gpt", "execute_tool add", "chat gpt"]


def counted(calls: int) -> dict[str, int]:
    """How often durations of calls and tokens are recorded, of input and of output."""
    return {"gen_ai.client.operation.duration": calls, "gen_ai.client.token.usage": 2 * calls}


@WAYS
@pytest.mark.parametrize("model", ["sdk", "create"])
def test_the_instrumentation_of_openai_by_opentelemetry(endpoint: Aimock, model: str, way: str) -> None:
    told = told_by("instrumented_calls", "genai-openai", model, way, endpoint.base_url)
    assert [name for name, _ in told.places if name != "chat gpt-expert"] == OURS
    # The model that the tool asks on its own is not ours.
    assert ("chat gpt-expert", "execute_tool add") in told.places
    assert as_object(told.said["metrics"]).items() >= counted(3).items()
    assert told.traces == {told.said["trace_id"]}
    assert told.said["globals_unchanged"] is True


@WAYS
@pytest.mark.parametrize("model", ["sdk", "create"])
def test_the_instrumentation_of_openai_by_openinference(endpoint: Aimock, model: str, way: str) -> None:
    told = told_by("instrumented_calls", "openinference-openai", model, way, endpoint.base_url)
    assert [name for name, _ in told.places if name != "ChatCompletion"] == OURS
    assert [above for name, above in told.places if name == "ChatCompletion"] == ["execute_tool add"]
    assert as_object(told.said["metrics"]).items() >= counted(2).items()
    assert "Warning" not in told.stderr
    assert told.said["globals_unchanged"] is True


@WAYS
def test_the_instrumentation_of_the_http_client_keeps_its_spans(endpoint: Aimock, way: str) -> None:
    told = told_by("instrumented_calls", "aiohttp-client", "aiohttp", way, endpoint.base_url)
    assert [name for name, _ in told.places if name != "POST"] == OURS
    assert [above for name, above in told.places if name == "POST"] == ["chat gpt", "chat gpt"]
    assert as_object(told.said["metrics"]).items() >= counted(2).items()


@WAYS
def test_the_callback_of_litellm(endpoint: Aimock, way: str) -> None:
    told = told_by("instrumented_calls", "litellm-callback", "litellm", way, endpoint.base_url)
    assert [name.replace("openai/", "") for name, _ in told.places] == OURS
    assert told.traces == {told.said["trace_id"]}
    assert "ended span" not in told.stderr


@WAYS
def test_without_others_the_endpoint_is_told_our_own_span(endpoint: Aimock, way: str) -> None:
    endpoint.clear_journal()
    told = told_by("instrumented_calls", "none", "sdk", way, endpoint.base_url)
    sent = [entry.headers.get("traceparent", "") for entry in endpoint.journal() if entry.body["model"] == "gpt"]
    chats = [span_id(span).removeprefix("0x") for span in told.spans if span["name"] == "chat gpt"]
    assert [header[:-3] for header in sent] == [f"00-{told.said['trace_id']}-{chat}" for chat in chats]
