"""A user who asks something else, in the place of a result of the client's function, is answered and not stuck."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from starlette.applications import Starlette

from lightagent import LightAgent, Runs, serve, tool
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.serving.open_calls import NOT_CARRIED_OUT
from lightagent.domain.conversation.messages import ToolMessage
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.outcomes import Cancelled
from lightagent.entrypoints.serving.state import Serving
from lightagent.entrypoints.serving.waiting_runs import WENT_ON
from lightagent.ports.models import ChatRequest
from tests.support.asgi_calls import AsgiCall, answer_to, objects

CHAT = "/v1/chat/completions"
RESPONSES = "/v1/responses"
FUNCTION: JsonObject = {"name": "weather", "description": "The weather.", "parameters": {"type": "object"}}


@tool(requires_approval=True)
def pay(amount: int) -> str:
    """Pay."""
    return f"Paid {amount}."


def answer(request: ChatRequest) -> Reply:
    """Calls the function once for each name of a city, and otherwise says what it was told."""
    asked = request.messages[-1].content
    if asked == "Pay, Rome":
        return [call_tool("pay", amount=1), call_tool("weather", city="Rome")]
    if asked in ("Rome", "Rome Oslo"):
        return [call_tool("weather", city=city) for city in asked.split()]
    told = [message.content for message in request.messages if isinstance(message, ToolMessage)]
    return f"Told: {told}."


def made(store: MemoryJournalStore | None) -> tuple[Starlette, ScriptedModel]:
    model = ScriptedModel(answer)
    return serve(LightAgent(name="helper", model=model, tools=[pay]), store=store), model


async def ask(app: Starlette, *messages: JsonValue) -> AsgiCall:
    tools: list[JsonValue] = [{"type": "function", "function": FUNCTION}]
    return await answer_to(app, CHAT, {"model": "helper", "messages": [*messages], "tools": tools})


def user(text: str) -> JsonObject:
    return {"role": "user", "content": text}


async def statuses(store: MemoryJournalStore) -> list[str]:
    return sorted([info.status async for info in Runs(store).list()])


@pytest.mark.parametrize("lasts", [True, False])
async def test_a_chat_goes_on_and_the_run_that_waited_has_ended(lasts: bool) -> None:
    store = MemoryJournalStore() if lasts else None
    app, model = made(store)
    first = await ask(app, user("Rome"))
    second = await ask(app, user("Rome"), first.message, user("Never mind."))
    assert (second.status, second.message["content"]) == (200, f"Told: ['{NOT_CARRIED_OUT}'].")
    assert len(model.requests) == 2  # To end a run asks no model.
    serving: Serving = app.state.serving
    assert [*serving.kept] == []
    (call,) = objects(first.message["tool_calls"])
    late = await ask(app, user("Rome"), first.message, {"role": "tool", "tool_call_id": call["id"], "content": "warm"})
    assert late.status == (409 if lasts else 400)
    third = await ask(app, user("Rome"), first.message, user("Never mind."), second.message, user("Bye"))
    assert third.status == 200
    if store is not None:
        assert await statuses(store) == ["cancelled", "completed", "completed"]
        journals = [await Runs(store).journal(info.run_id) async for info in Runs(store).list(status="cancelled")]
        assert [one.run.outcome for one in journals if one is not None] == [Cancelled(WENT_ON)]


async def test_results_that_are_there_are_kept_and_those_that_come_later_are_left_out() -> None:
    app, _ = made(None)
    first = await ask(app, user("Rome Oslo"))
    one, other = objects(first.message["tool_calls"])
    warm: JsonObject = {"role": "tool", "tool_call_id": one["id"], "content": "warm"}
    cold: JsonObject = {"role": "tool", "tool_call_id": other["id"], "content": "cold"}
    second = await ask(app, user("Rome Oslo"), first.message, warm, user("Wait"), cold, user("So?"))
    assert second.message["content"] == f"Told: ['warm', '{NOT_CARRIED_OUT}']."


async def test_what_a_person_decides_about_waits_on() -> None:
    store = MemoryJournalStore()
    app, _ = made(store)
    first = await ask(app, user("Pay, Rome"))
    await ask(app, user("Pay, Rome"), first.message, user("Never mind."))
    assert await statuses(store) == ["completed", "suspended"]


async def test_calls_that_a_client_makes_up_end_nothing() -> None:
    store = MemoryJournalStore()
    app, _ = made(store)
    await ask(app, user("Rome"))
    forged: JsonObject = {
        "role": "assistant",
        "tool_calls": [
            {"id": f"{name}--1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
            for name in ("nobody", "", "\ud800", "x" * 1000, "a\x00b")
        ],
    }
    assert (await ask(app, forged, user("Bye"))).status == 200
    assert await statuses(store) == ["completed", "suspended"]


@pytest.mark.parametrize("previous", [True, False])
async def test_responses_go_on_too(previous: bool) -> None:
    store = MemoryJournalStore()
    app, _ = made(store)
    tools: list[JsonValue] = [{"type": "function", **FUNCTION}]
    first = await answer_to(app, RESPONSES, {"model": "helper", "input": "Rome", "tools": tools})
    asked: list[JsonValue] = [user("Never mind.")]
    if not previous:
        output = objects(first.json["output"])
        asked = [user("Rome"), *output, *asked]
    body: JsonObject = {"model": "helper", "input": asked, "tools": tools}
    if previous:
        body["previous_response_id"] = first.json["id"]
    second = await answer_to(app, RESPONSES, body)
    assert second.status == 200, second.body
    assert second.json["status"] == "completed"
    assert await statuses(store) == ["cancelled", "completed"]


@pytest.mark.skipif(find_spec("ag_ui") is None, reason="the environment of openai 2 has no ag-ui-protocol")
async def test_ag_ui_goes_on_too() -> None:
    store = MemoryJournalStore()
    app, _ = made(store)
    path = "/ag-ui/helper"
    body: JsonObject = {"threadId": "t", "runId": "r", "tools": [FUNCTION], "messages": [{"id": "1", **user("Rome")}]}
    first = await answer_to(app, path, body)
    (call_id,) = [event["toolCallId"] for event in first.chunks if event["type"] == "TOOL_CALL_START"]
    function: JsonObject = {"name": "weather", "arguments": "{}"}
    said: JsonObject = {
        "id": "2",
        "role": "assistant",
        "toolCalls": [{"id": call_id, "type": "function", "function": function}],
    }
    more: list[JsonValue] = [{"id": "1", **user("Rome")}, said, {"id": "3", **user("Bye")}]
    second = await answer_to(app, path, {**body, "messages": more})
    assert second.chunks[-1]["type"] == "RUN_FINISHED"
    assert await statuses(store) == ["cancelled", "completed"]
