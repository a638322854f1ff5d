"""Vercel's UI messages: an agent behind ``POST /vercel/NAME``, asked as `useChat` asks."""

from __future__ import annotations

import time

import pytest
from starlette.applications import Starlette

from lightagent import HumanApprovalHook, LightAgent, LightFlow, Reviews, Runs, serve, tool
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.serving.keys import AccessKeys
from lightagent.domain.conversation.messages import ToolMessage
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.ports.models import ChatRequest
from lightagent.settings.sections.serve import ServeSettings
from tests.support.asgi_calls import AsgiCall, answer_to

HELPER = "/vercel/helper"
WEATHER: JsonObject = {"weather": {"description": "The weather in a city.", "parameters": {"type": "object"}}}

paid = list[int]()


@tool(requires_approval=True)
def pay(amount: int) -> str:
    """Pay."""
    paid.append(amount)
    return f"Paid {amount}."


def own(a: int) -> int:
    """A tool of the agent's own."""
    return a


def answer(request: ChatRequest) -> Reply:
    """Calls what the question names, and says what it was told."""
    told = [message.content for message in request.messages if isinstance(message, ToolMessage)]
    if told:
        return " ".join(told)
    asked = str(request.messages[-1].content)
    calls: dict[str, Reply] = {
        "own": call_tool("own", a=1),
        "pay": call_tool("pay", amount=5),
        "pay twice": [call_tool("pay", amount=5), call_tool("pay", amount=6)],
        "weather": [call_tool("own", a=1), call_tool("weather", city="Rome")],
        "both": [call_tool("pay", amount=5), call_tool("weather", city="Rome")],
    }
    if asked == "fail":
        raise ValueError("a secret of the server")
    return calls.get(asked, f"You said {asked}.")


@pytest.fixture(autouse=True)
def _nothing_paid() -> None:
    paid.clear()


def made(store: MemoryJournalStore | None = None, *, other: bool = False) -> Starlette:
    hooks = [] if store is None else [HumanApprovalHook(store=store, tools=(), separate_reviewer=other)]
    agent = LightAgent(name="helper", model=ScriptedModel(answer), tools=[own, pay], hooks=hooks)
    return serve(agent, store=store, settings=ServeSettings(tools_shown="extension"))


def user(words: str) -> JsonObject:
    return {"id": "m1", "role": "user", "parts": [{"type": "text", "text": words}]}


def body(*messages: JsonValue, **more: JsonValue) -> JsonObject:
    return {"id": "chat", "trigger": "submit-message", "messages": [*messages], **more}


def said(call: AsgiCall) -> str:
    return "".join(str(part["delta"]) for part in call.chunks if part["type"] == "text-delta")


def of(call: AsgiCall, kind: str) -> list[JsonObject]:
    return [part for part in call.chunks if part["type"] == kind]


def message(call: AsgiCall, *, approved: bool | None = None, results: dict[str, str] | None = None) -> JsonObject:
    """The message that the client makes of the calls of an answer, with what it and its user say to them."""
    waiting = {part["toolCallId"]: part["approvalId"] for part in of(call, "tool-approval-request")}
    outputs = {part["toolCallId"]: part["output"] for part in of(call, "tool-output-available")}
    parts = list[JsonValue]([{"type": "step-start"}])
    for one in of(call, "tool-input-available"):
        call_id, name = one["toolCallId"], str(one["toolName"])
        part: JsonObject = {"type": f"tool-{name}", "toolCallId": call_id, "input": one["input"]}
        if one.get("dynamic"):
            part |= {"type": "dynamic-tool", "toolName": name, "providerExecuted": True}
        if call_id in waiting and approved is not None:
            approval: JsonObject = {"id": waiting[call_id], "approved": approved, "reason": "as I said"}
            part |= {"state": "approval-responded", "approval": approval}
        elif call_id in outputs or name in (results or {}):
            part |= {"state": "output-available", "output": outputs.get(call_id) or (results or {})[name]}
        parts.append(part)
    return {"id": "m2", "role": "assistant", "parts": parts}


async def test_an_answer_is_a_stream_of_parts() -> None:
    call = await answer_to(made(), HELPER, body(user("hi")))
    assert (call.status, call.headers["x-vercel-ai-ui-message-stream"]) == (200, "v1")
    assert call.headers["content-type"].startswith("text/event-stream")
    assert said(call) == "You said hi."
    assert call.body.endswith(b"data: [DONE]\n\n")


async def test_a_run_that_fails_ends_with_an_error_and_hides_what_is_inside() -> None:
    call = await answer_to(made(), HELPER, body(user("fail")))
    (error,) = of(call, "error")
    assert "(LA-" in str(error["errorText"])
    assert b"secret" not in call.body


async def test_what_is_wrong_with_a_request_is_told_before_there_is_a_run() -> None:
    app = made()
    assert (await answer_to(app, "/vercel/nobody", body(user("hi")))).status == 404
    assert (await answer_to(app, HELPER, {"messages": []})).status == 400
    own_name = await answer_to(app, HELPER, body(user("hi"), tools={"own": {}}))
    assert own_name.status == 400


async def test_a_flow_is_asked_in_the_same_way() -> None:
    flow = LightFlow(name="helper", store=MemoryJournalStore())
    flow.step("greet", agent=lambda query: f"Hello {query}.")
    call = await answer_to(serve(flows=[flow]), HELPER, body(user("Ann")))
    assert (said(call), call.chunks[-1]["finishReason"]) == ("Hello Ann.", "stop")


async def test_half_a_character_anywhere_in_a_request_breaks_no_stream() -> None:
    half = "\ud83d"
    tools: JsonObject = {half: {"description": half}}
    call = await answer_to(made(), HELPER, body(user(half), user(half), id=half, system=half))
    assert (call.status, call.chunks[-1]["type"]) == (200, "finish")
    assert (await answer_to(made(), HELPER, body(user(half), tools=tools))).status in (200, 400)


async def test_a_client_that_asks_on_loading_is_told_that_nothing_goes_on() -> None:
    assert (await answer_to(made(), f"{HELPER}/chat/stream", method="GET")).status == 204
    assert (await answer_to(made(), "/vercel/nobody/chat/stream", method="GET")).status == 404


@pytest.mark.parametrize("lasts", [True, False])
async def test_tools_of_the_client_end_the_run_and_it_goes_on_with_their_results(lasts: bool) -> None:
    app = made(MemoryJournalStore() if lasts else None)
    first = await answer_to(app, HELPER, body(user("weather"), tools=WEATHER))
    (call,) = [part for part in of(first, "tool-input-available") if part["toolName"] == "weather"]
    assert (call["input"], call.get("providerExecuted"), call.get("dynamic")) == ({"city": "Rome"}, None, None)
    told = message(first, results={"weather": "Warm."})
    second = await answer_to(app, HELPER, body(user("weather"), told, tools=WEATHER))
    assert said(second) == "1 Warm."
    assert "messageId" not in second.chunks[0]
    assert not of(second, "tool-output-available")
    again = await answer_to(app, HELPER, body(user("weather"), told, tools=WEATHER))
    assert again.status == (409 if lasts else 400)


async def test_who_ignores_a_tool_of_the_client_is_answered_and_its_run_ends() -> None:
    store = MemoryJournalStore()
    app = made(store)
    first = await answer_to(app, HELPER, body(user("weather"), tools=WEATHER))
    other = await answer_to(app, HELPER, body(user("weather"), message(first), user("hi"), tools=WEATHER))
    assert other.chunks[-1]["type"] == "finish"
    assert sorted([info.status async for info in Runs(store).list()]) == ["cancelled", "completed"]


@pytest.mark.parametrize("lasts", [True, False])
async def test_a_yes_brings_the_run_further_and_is_taken_once(lasts: bool) -> None:
    store = MemoryJournalStore() if lasts else None
    app = made(store)
    first = await answer_to(app, HELPER, body(user("pay")))
    (asks,) = of(first, "tool-approval-request")
    if store is not None:
        (review,) = [review async for review in Reviews(store).list()]
        assert asks["approvalId"] == review.request.request_id
    assert paid == []
    told = body(user("pay"), message(first, approved=True))
    second = await answer_to(app, HELPER, told)
    assert (said(second), paid) == ("Paid 5.", [5])
    (output,) = of(second, "tool-output-available")
    assert (output["toolCallId"], output["output"]) == (asks["toolCallId"], "Paid 5.")
    again = await answer_to(app, HELPER, told)
    assert (again.status, paid) == (404, [5])


async def test_a_call_of_a_nested_agent_is_decided_in_the_same_way() -> None:
    payer = LightAgent(name="payer", model=ScriptedModel([call_tool("pay", amount=7), "It is paid."]), tools=[pay])
    model = ScriptedModel([call_tool("payer", query="Pay."), "So it is."])
    agent = LightAgent(name="helper", model=model, tools=[payer.as_tool("payer", "Pays.")])
    app = serve(agent, store=MemoryJournalStore())
    first = await answer_to(app, HELPER, body(user("pay")))
    assert [part["toolName"] for part in of(first, "tool-input-available")] == ["pay"]
    second = await answer_to(app, HELPER, body(user("pay"), message(first, approved=True)))
    assert (said(second), paid) == ("So it is.", [7])
    (output,) = of(second, "tool-output-available")
    assert output["toolCallId"] == of(first, "tool-input-available")[0]["toolCallId"]


async def test_a_no_is_a_no() -> None:
    app = made(MemoryJournalStore())
    first = await answer_to(app, HELPER, body(user("pay")))
    second = await answer_to(app, HELPER, body(user("pay"), message(first, approved=False)))
    assert len(of(second, "tool-output-denied")) == 1
    assert paid == []


async def test_decisions_and_results_of_the_clients_tools_come_together() -> None:
    app = made(MemoryJournalStore())
    first = await answer_to(app, HELPER, body(user("both"), tools=WEATHER))
    told = message(first, approved=True, results={"weather": "Warm."})
    second = await answer_to(app, HELPER, body(user("both"), told, tools=WEATHER))
    assert (said(second), paid) == ("Paid 5. Warm.", [5])


async def test_some_may_be_answered_and_the_others_wait_on() -> None:
    app = made(MemoryJournalStore())
    first = await answer_to(app, HELPER, body(user("pay twice")))
    whole = message(first, approved=True)
    assert isinstance(whole["parts"], list)
    half = await answer_to(app, HELPER, body({**whole, "parts": whole["parts"][:2]}))
    told = [part["type"] for part in half.chunks if str(part["type"]).startswith("tool-")]
    assert told[-1] == "tool-approval-request"
    assert "tool-input-available" not in told  # The client has both calls.
    await answer_to(app, HELPER, body({**whole, "parts": whole["parts"][2:]}))
    assert sorted(paid) == [5, 6]


async def test_nobody_answers_for_another_user_and_history_is_no_answer() -> None:
    store = MemoryJournalStore()
    app = made(store)
    keys = AccessKeys(store, time.time)
    ann, _ = await keys.create(tenant="acme", user="ann")
    headers = {"authorization": f"Bearer {ann}"}
    first = await answer_to(app, HELPER, body(user("pay")), headers=headers)
    told = message(first, approved=True)
    for tenant, name in (("acme", "bob"), ("other", "ann"), ("acme", "")):
        key, _ = await keys.create(tenant=tenant, user=name)
        refused = await answer_to(app, HELPER, body(told), headers={"authorization": f"Bearer {key}"})
        assert refused.status == 404
    await answer_to(app, HELPER, body(user("pay"), told, user("Thanks.")), headers=headers)
    assert paid == []
    (info,) = [info async for info in Runs(store, tenant="acme").list("ann", status="suspended")]
    assert info.status == "suspended"


async def test_where_another_person_has_to_decide_the_user_may_not() -> None:
    store = MemoryJournalStore()
    app = made(store, other=True)
    ann, _ = await AccessKeys(store, time.time).create(user="ann")
    headers = {"authorization": f"Bearer {ann}"}
    first = await answer_to(app, HELPER, body(user("pay")), headers=headers)
    refused = await answer_to(app, HELPER, body(message(first, approved=True)), headers=headers)
    (error,) = of(refused, "error")
    assert ("LA-POLICY" in str(error["errorText"]), paid) == (True, [])
