"""Calls that wait for a person, in the responses protocol: asked for and decided by items."""

from __future__ import annotations

import time

import openai
import pytest
from starlette.applications import Starlette

from lightagent import HumanApprovalHook, LightAgent, Reviews, serve, tool
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.serving.keys import AccessKeys
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.ports.models import ChatRequest
from lightagent.settings.sections.serve import ServeSettings
from tests.functional.test_serving_responses_owners import FUNCTION, text_of
from tests.support.asgi_calls import AsgiCall, answer_to, objects
from tests.support.served import served

RESPONSES = "/v1/responses"

paid = list[int]()


@tool(requires_approval=True)
def pay(amount: int) -> str:
    """Pay."""
    paid.append(amount)
    return f"Paid {amount}."


def answer(request: ChatRequest) -> Reply:
    """Pays 5, or 5 and 6, or pays and asks for the weather, and says what came of it."""
    results = [str(message.content) for message in request.messages if message.role == "tool"]
    if results:
        return " ".join(results)
    asked = str(request.messages[-1].content)
    if asked == "both":
        return [call_tool("pay", amount=5), call_tool("weather", city="Rome")]
    return [call_tool("pay", amount=amount) for amount in ((5, 6) if asked == "twice" else (5,))]


@pytest.fixture(autouse=True)
def _nothing_paid() -> None:
    paid.clear()


def made(store: MemoryJournalStore | None, *, desk: bool = False, other: bool = False, **settings: object) -> Starlette:
    hooks = [HumanApprovalHook(store=store, tools=(), separate_reviewer=other)] if desk else []
    agent = LightAgent(name="helper", model=ScriptedModel(answer), tools=[pay], hooks=hooks)
    return serve(agent, store=store, settings=ServeSettings.model_validate(settings))


async def ask(app: Starlette, asked: JsonValue, key: str = "", **more: JsonValue) -> AsgiCall:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    return await answer_to(app, RESPONSES, {"model": "helper", "input": asked, **more}, headers=headers)


def requests_in(call: AsgiCall) -> list[str]:
    return [str(item["id"]) for item in objects(call.json["output"]) if item["type"] == "mcp_approval_request"]


def decided(request_id: str, *, approve: JsonValue = True, **more: JsonValue) -> JsonObject:
    return {"type": "mcp_approval_response", "approval_request_id": request_id, "approve": approve, **more}


@pytest.mark.openai
@pytest.mark.parametrize("lasts", [True, False])
def test_the_official_client_asks_and_answers(lasts: bool) -> None:
    app = made(MemoryJournalStore() if lasts else None)
    with served(app) as base, openai.OpenAI(base_url=f"{base}/v1", api_key="unused", max_retries=0) as client:
        first = client.responses.create(model="helper", input="Pay 5")
        (waiting,) = first.output
        assert waiting.type == "mcp_approval_request"
        assert (waiting.name, waiting.arguments, waiting.server_label) == ("pay", '{"amount":5}', "lightagent")
        assert client.responses.retrieve(first.id).output == first.output
        stream = client.responses.create(
            model="helper",
            previous_response_id=first.id,
            input=[{"type": "mcp_approval_response", "approval_request_id": waiting.id, "approve": True}],
            stream=True,
        )
        last = [*stream][-1]
        assert last.type == "response.completed"
        assert last.response.output_text == "Paid 5."
        assert last.response.id != first.id
    assert paid == [5]


@pytest.mark.parametrize("desk", [True, False])
async def test_the_first_decision_counts(desk: bool) -> None:
    app = made(MemoryJournalStore(), desk=desk)
    first = await ask(app, "Pay 5")
    (name,) = requests_in(first)
    second = await ask(app, [decided(name, approve=False, reason="too much")], previous_response_id=first.json["id"])
    assert "too much" in text_of(second.json)
    again = await ask(app, [decided(name)], previous_response_id=first.json["id"])
    assert again.status == 404
    assert paid == []


async def test_a_call_that_is_rejected_is_shown_with_its_name_and_arguments() -> None:
    app = made(MemoryJournalStore(), tools_shown="extension")
    (waiting,) = requests_in(await ask(app, "Pay 5"))
    told = await ask(app, [decided(waiting, approve=False)])
    shown = objects(told.json["output"])[0]
    assert [shown[name] for name in ("type", "name", "arguments", "status")] == [
        "mcp_call",
        "pay",
        '{"amount":5}',
        "failed",
    ]


async def test_several_are_decided_at_once() -> None:
    app = made(None)
    yes, no = requests_in(await ask(app, "twice"))
    second = await ask(app, [decided(yes), decided(no, approve=False)])
    assert text_of(second.json).startswith("Paid 5.")
    assert paid == [5]


async def test_a_decision_comes_along_with_the_output_of_a_function() -> None:
    app = made(None)
    first = await ask(app, "both", tools=[FUNCTION])
    (name,) = requests_in(first)
    (call,) = [item for item in objects(first.json["output"]) if item["type"] == "function_call"]
    output: JsonObject = {"type": "function_call_output", "call_id": call["call_id"], "output": "warm"}
    second = await ask(app, [output, decided(name)], tools=[FUNCTION])
    assert text_of(second.json) == "Paid 5. warm"


async def test_nobody_decides_about_the_calls_of_another_user() -> None:
    store = MemoryJournalStore()
    app, keys = made(store, desk=True), AccessKeys(store, time.time)
    ann, _ = await keys.create(tenant="acme", user="ann")
    (name,) = requests_in(await ask(app, "Pay 5", ann))
    for tenant, user in (("acme", "bob"), ("other", "ann"), ("", ""), ("acme", "")):
        key, _ = await keys.create(tenant=tenant, user=user)
        assert (await ask(app, [decided(name)], key)).status == 404
    assert paid == []
    assert text_of((await ask(app, [decided(name)], ann)).json) == "Paid 5."
    (review,) = [review async for review in Reviews(store, tenant="acme").list(status=None)]
    assert review.decision is not None
    assert review.decision.actor == "ann"


async def test_where_another_person_has_to_decide_the_user_may_not() -> None:
    store = MemoryJournalStore()
    app = made(store, desk=True, other=True)
    ann, _ = await AccessKeys(store, time.time).create(user="ann")
    (name,) = requests_in(await ask(app, "Pay 5", ann))
    assert (await ask(app, [decided(name)], ann)).status == 403
    assert paid == []


@pytest.mark.parametrize("approve", [None, 1, "true", "yes"])
async def test_what_is_not_plainly_a_yes_is_refused(approve: JsonValue) -> None:
    app = made(None)
    (name,) = requests_in(await ask(app, "Pay 5"))
    refused = await ask(app, [decided(name, approve=approve)])
    assert (refused.status, objects([refused.json["error"]])[0]["param"]) == (400, "input[0].approve")
    assert paid == []


async def test_one_call_is_not_both_approved_and_rejected() -> None:
    app = made(None)
    (name,) = requests_in(await ask(app, "Pay 5"))
    assert (await ask(app, [decided(name), decided(name, approve=False)])).status == 400
    assert paid == []


async def test_a_decision_before_another_message_is_history_and_decides_nothing() -> None:
    app = made(None)
    (name,) = requests_in(await ask(app, "Pay 5"))
    second = await ask(app, [decided(name), {"role": "user", "content": "Pay 5"}])
    assert requests_in(second) != [name]
    assert paid == []


async def test_neither_an_output_nor_a_message_is_an_approval() -> None:
    app = made(None)
    first = await ask(app, "Pay 5")
    (name,) = requests_in(first)
    run_id = str(first.json["id"]).removeprefix("resp_")
    output: JsonObject = {"type": "function_call_output", "call_id": f"{run_id}--call_1_1", "output": "Paid."}
    assert (await ask(app, [output])).status == 400
    assert (await ask(app, [output, decided("0" * 32)])).status == 404
    assert requests_in(await ask(app, f"approve {name}")) != [name]
    assert paid == []
