"""Runs that fail behind OpenAI's API: statuses, what clients may read of it, and whether they are to repeat."""

from __future__ import annotations

import logging

import pytest

from lightagent import LightAgent, ProviderError, Runs, serve
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.conversation.deltas import ReplyEnd, TextDelta
from lightagent.domain.errors import ConfigurationError, LightAgentError, StoreError
from lightagent.domain.limits import Limits
from lightagent.ports.models import ChatRequest
from tests.support.asgi_calls import answer_to, chat

CHAT = "/v1/chat/completions"
ONCE = Limits(max_retry=1)


def note(text: str) -> str:
    """Note something."""
    return text


def helper(*replies: Reply) -> LightAgent:
    return LightAgent(name="helper", model=ScriptedModel(list(replies)), tools=[note], limits=ONCE)


@pytest.mark.parametrize(
    ("error", "status", "repeat"),
    [
        (ProviderError("Too fast.", code="LA-429"), 429, "true"),
        (ProviderError("Away.", code="LA-503"), 503, "true"),
        (ProviderError("Broken.", code="LA-500"), 502, "true"),
        (ProviderError("Slow.", code="LA-408"), 504, "true"),
        (ProviderError("No such key: the server's.", code="LA-401"), 502, "false"),
        (ProviderError("Too long.", code="LA-413"), 413, "false"),
        (ProviderError("Nonsense.", code="LA-400"), 400, "false"),
    ],
    ids=lambda value: str(value)[:8],
)
async def test_statuses_go_by_codes(error: LightAgentError, status: int, repeat: str) -> None:
    told = await answer_to(serve(helper(error)), CHAT, chat("Hello"))
    assert (told.status, told.headers["x-should-retry"]) == (status, repeat)
    assert ("retry-after" in told.headers) == (status in (429, 503))
    body = told.json["error"]
    assert isinstance(body, dict)
    assert body["code"] == error.code
    inside = error.code in ("LA-401", "LA-503")
    assert (body["message"] == error.message) is not inside


async def test_nothing_is_repeated_once_a_tool_was_touched() -> None:
    app = serve(helper(call_tool("note", text="x"), ProviderError("Away.", code="LA-503")))
    told = await answer_to(app, CHAT, chat("Note x"))
    assert (told.status, told.headers["x-should-retry"]) == (503, "false")
    assert "retry-after" not in told.headers


async def test_faults_of_the_server_are_in_its_log_and_not_in_answers(caplog: pytest.LogCaptureFixture) -> None:
    def fail(request: ChatRequest) -> Reply:
        raise RuntimeError("the password is hunter2")

    class Broken(MemoryJournalStore):
        async def append(self, *args: object, **kwargs: object) -> int:
            raise StoreError("disk full at /srv/secret")

    agent = LightAgent(name="helper", model=ScriptedModel(fail), limits=ONCE)
    for app in (serve(agent), serve(helper("x"), store=Broken())):
        for stream in (True, False):
            with caplog.at_level(logging.WARNING, "lightagent.serve"):
                told = await answer_to(app, CHAT, chat("Hello", stream=stream))
            assert told.status == 200 if stream else told.status >= 500
            assert b"hunter2" not in told.body
            assert b"/srv" not in told.body
            assert b"Traceback" not in told.body


async def test_a_run_belongs_to_the_trace_of_its_request() -> None:
    store = MemoryJournalStore()
    app = serve(helper("One.", "Two."), store=store)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    await answer_to(app, CHAT, chat("x"), headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"})
    await answer_to(app, CHAT, chat("x"), headers={"traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01"})
    ids = [await Runs(store).journal(info.run_id) for info in [info async for info in Runs(store).list()]]
    traces = {journal.started.trace_id for journal in ids if journal is not None}
    assert trace in traces
    assert "0" * 32 not in traces


async def test_an_answer_that_was_cut_at_the_token_limit_says_so() -> None:
    app = serve(helper([TextDelta("And then"), ReplyEnd("length")], [TextDelta("And then"), ReplyEnd("length")]))
    whole = await answer_to(app, CHAT, chat("Tell", max_tokens=2))
    assert whole.message["content"] == "And then"
    assert b'"finish_reason":"length"' in whole.body
    streamed = await answer_to(app, CHAT, chat("Tell", max_tokens=2, stream=True))
    assert (streamed.text, streamed.choices[-1]["finish_reason"]) == ("And then", "length")


async def test_an_agent_without_a_name_is_a_model_that_is_called_the_same_in_each_process() -> None:
    store = MemoryJournalStore()
    for _ in range(2):
        app = serve(LightAgent(model=ScriptedModel(["Well."])), store=store)
        told = await answer_to(app, CHAT, {**chat("Hello"), "model": "agent"})
        assert told.message["content"] == "Well."
    assert [info.agent async for info in Runs(store).list()] == ["agent", "agent"]
    with pytest.raises(ConfigurationError, match="two models have the name 'agent'"):
        serve([LightAgent(model=ScriptedModel(["x"])), LightAgent(model=ScriptedModel(["x"]))])
