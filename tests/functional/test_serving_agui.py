"""AG-UI: an agent behind ``POST /ag-ui/NAME``, asked as AG-UI's clients ask."""

from __future__ import annotations

import json
import sys
import time
from itertools import groupby

import pytest

pytest.importorskip("ag_ui", reason="the environment of openai 2 has no ag-ui-protocol")

from ag_ui.core import RunAgentInput, RunFinishedEvent, UserMessage
from ag_ui.core.types import Tool

from lightagent import LightAgent, Runs, serve
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.serving.keys import AccessKeys
from lightagent.domain.conversation.messages import ToolMessage
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.ports.models import ChatRequest
from tests.support.asgi_calls import AsgiCall, answer_to, objects
from tests.support.served import served

HELPER = "/ag-ui/helper"
WEATHER: JsonObject = {
    "name": "weather",
    "description": "The weather in a city.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def own(a: int) -> int:
    """A tool of the agent's own."""
    return a


def answer(request: ChatRequest) -> Reply:
    """Calls what the question names, and says what it was told."""
    results = [message.content for message in request.messages if isinstance(message, ToolMessage)]
    if results:
        return f"It is {' and '.join(results)}."
    asked = str(request.messages[-1].content)
    if asked == "both":
        return [call_tool("own", a=1), call_tool("weather", city="Rome")]
    if asked == "own":
        return call_tool("own", a=1)
    if asked == "fail":
        raise ValueError("a secret of the server")
    return f"You said {asked}."


def helper() -> LightAgent:
    return LightAgent(name="helper", model=ScriptedModel(answer), tools=[own])


def body(*messages: JsonValue, **more: JsonValue) -> JsonObject:
    return {"threadId": "t1", "runId": "r1", "messages": [*messages], **more}


def user(text: str) -> JsonObject:
    return {"id": "m1", "role": "user", "content": text}


def kinds(call: AsgiCall) -> list[JsonValue]:
    """The types of the events, those that only bring more of the same once."""
    return [kind for kind, _ in groupby(event["type"] for event in call.chunks)]


def said(call: AsgiCall) -> str:
    return "".join(str(event["delta"]) for event in call.chunks if event["type"] == "TEXT_MESSAGE_CONTENT")


def as_messages(call: AsgiCall) -> list[JsonValue]:
    """The messages that a client makes of the calls and results in a stream."""
    calls: list[JsonValue] = []
    told: list[JsonValue] = []
    for event in call.chunks:
        if event["type"] == "TOOL_CALL_START":
            function: JsonObject = {"name": event["toolCallName"], "arguments": ""}
            calls.append({"id": event["toolCallId"], "type": "function", "function": function})
        if event["type"] == "TOOL_CALL_RESULT":
            told.append(
                {
                    "id": event["messageId"],
                    "role": "tool",
                    "toolCallId": event["toolCallId"],
                    "content": event["content"],
                }
            )
    return [{"id": "m2", "role": "assistant", "toolCalls": calls}, *told]


def pending(call: AsgiCall) -> list[JsonValue]:
    outcome = call.chunks[-1]["outcome"]
    assert isinstance(outcome, dict)
    assert outcome["type"] == "success"
    ids = outcome["pendingToolCallIds"]
    assert isinstance(ids, list)
    return ids


def result(call_id: JsonValue, text: str) -> JsonObject:
    return {"id": "m9", "role": "tool", "toolCallId": call_id, "content": text}


async def test_an_answer_is_a_stream_of_events() -> None:
    call = await answer_to(serve(helper()), HELPER, body(user("hi"), parentRunId="r0"))
    assert call.status == 200
    assert call.headers["content-type"].startswith("text/event-stream")
    assert kinds(call) == [
        "RUN_STARTED",
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_CONTENT",
        "TEXT_MESSAGE_END",
        "RUN_FINISHED",
    ]
    started, *_, finished = call.chunks
    assert (started["threadId"], started["runId"], started["parentRunId"]) == ("t1", "r1", "r0")
    assert started["protocolVersion"] == "1.0"
    assert finished["outcome"] == {"type": "success"}


async def test_the_agents_own_tools_are_shown_with_their_results() -> None:
    call = await answer_to(serve(helper()), HELPER, body(user("own")))
    assert [kind for kind in kinds(call) if str(kind).startswith("TOOL")] == [
        "TOOL_CALL_START",
        "TOOL_CALL_ARGS",
        "TOOL_CALL_END",
        "TOOL_CALL_RESULT",
    ]
    (told,) = [event for event in call.chunks if event["type"] == "TOOL_CALL_RESULT"]
    assert told["content"] == "1"


@pytest.mark.parametrize("lasts", [True, False])
async def test_tools_of_the_client_end_the_run_and_it_goes_on_with_their_results(lasts: bool) -> None:
    app = serve(helper(), store=MemoryJournalStore() if lasts else None)
    first = await answer_to(app, HELPER, body(user("both"), tools=[WEATHER]))
    (call_id,) = pending(first)
    told = [user("both"), *as_messages(first), result(call_id, "warm")]
    second = await answer_to(app, HELPER, body(*told, tools=[WEATHER], runId="r2"))
    assert kinds(second) == [
        "RUN_STARTED",
        "TEXT_MESSAGE_START",
        "TEXT_MESSAGE_CONTENT",
        "TEXT_MESSAGE_END",
        "RUN_FINISHED",
    ]
    assert said(second) == "It is 1 and warm."
    again = await answer_to(app, HELPER, body(*told, tools=[WEATHER]))
    assert again.status == (409 if lasts else 400)
    ids = {event.get("messageId") for event in first.chunks} & {event.get("messageId") for event in second.chunks}
    assert ids == {None}


async def test_a_run_that_fails_ends_its_stream_with_an_error() -> None:
    call = await answer_to(serve(helper()), HELPER, body(user("fail")))
    assert (call.status, kinds(call)) == (200, ["RUN_STARTED", "RUN_ERROR"])
    assert "secret" not in str(call.chunks)
    assert str(call.chunks[-1]["code"]).startswith("LA-")


async def test_what_is_wrong_with_a_request_is_told_before_there_is_a_run() -> None:
    app = serve(helper())
    unknown = await answer_to(app, "/ag-ui/nobody", body(user("hi")))
    assert unknown.status == 404
    wrong = await answer_to(app, HELPER, {"messages": []})
    assert (wrong.status, objects([wrong.json["error"]])[0]["param"]) == (400, "threadId")
    own_name = await answer_to(app, HELPER, body(user("hi"), tools=[{**WEATHER, "name": "own"}]))
    assert own_name.status == 400
    forged = await answer_to(app, HELPER, body(user("hi"), result("made-up--call", "yes"), tools=[WEATHER]))
    assert forged.status == 400


async def test_half_a_character_anywhere_in_a_request_breaks_no_stream() -> None:
    half = "\ud83d"
    asked = body(user(half), threadId=half, runId=half, parentRunId=half, state={half: half})
    call = await answer_to(serve(helper()), HELPER, asked)
    assert (call.chunks[0]["threadId"], kinds(call)[-1]) == ("\N{REPLACEMENT CHARACTER}", "RUN_FINISHED")


async def test_a_call_that_was_left_waiting_is_only_history_for_the_next_question() -> None:
    app = serve(helper())
    first = await answer_to(app, HELPER, body(user("both"), tools=[WEATHER]))
    call = await answer_to(app, HELPER, body(user("both"), *as_messages(first), user("Bye"), tools=[WEATHER]))
    assert (call.status, kinds(call)[-1]) == (200, "RUN_FINISHED")


async def test_the_owner_is_that_of_the_key_and_results_of_others_are_not_taken() -> None:
    store = MemoryJournalStore()
    app = serve(helper(), store=store)
    keys = AccessKeys(store, time.time)
    ann, _ = await keys.create(tenant="acme", user="ann")
    bob, _ = await keys.create(tenant="acme", user="bob")
    first = await answer_to(
        app, HELPER, body(user("both"), tools=[WEATHER]), headers={"authorization": f"Bearer {ann}"}
    )
    assert (await answer_to(app, HELPER, body(user("hi")))).status == 401
    (call_id,) = pending(first)
    told = body(user("both"), *as_messages(first), result(call_id, "warm"), tools=[WEATHER])
    assert (await answer_to(app, HELPER, told, headers={"authorization": f"Bearer {bob}"})).status == 400
    assert (await answer_to(app, HELPER, told, headers={"authorization": f"Bearer {ann}"})).status == 200
    (info,) = [info async for info in Runs(store, tenant="acme").list("ann")]
    assert info.status == "completed"


def test_over_http_with_a_client_of_server_sent_events() -> None:
    httpx = pytest.importorskip("httpx")
    asked = RunAgentInput(
        thread_id="t1",
        run_id="r1",
        messages=[UserMessage(id="m1", content="hi")],
        tools=[Tool(name="weather", description="The weather.")],
        state={},
    )
    with served(serve(helper())) as base, httpx.Client(timeout=20) as client:
        headers = {"accept": "text/event-stream", "content-type": "application/json"}
        raw = asked.model_dump_json(by_alias=True)
        with client.stream("POST", f"{base}{HELPER}", content=raw, headers=headers) as response:
            data = [line.removeprefix("data: ") for line in response.iter_lines() if line.startswith("data: ")]
    assert json.loads(data[0])["type"] == "RUN_STARTED"
    assert RunFinishedEvent.model_validate_json(data[-1]).run_id == "r1"


async def test_without_the_types_of_the_protocol_the_answer_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for part in ("agui.events", "agui.requests"):
        monkeypatch.setitem(sys.modules, f"lightagent.application.serving.{part}", None)
    call = await answer_to(serve(helper()), HELPER, body(user("hi")))
    assert call.status == 404
    assert b"ag-ui-protocol" in call.body
