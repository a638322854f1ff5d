"""Conversations of the responses protocol: stored sessions of an owner."""

from __future__ import annotations

import time

import openai
import pytest
from starlette.applications import Starlette

from lightagent import LightAgent, LightFlow, LightSwarm, Sessions, serve, tool
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.serving.keys import AccessKeys
from lightagent.application.serving.responses.ids import ResponseId, read_response_id
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.ports.models import ChatRequest
from tests.functional.test_serving_responses_owners import FUNCTION, text_of, told_in
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
    """Tells what the user has said so far, or pays, or asks for the weather."""
    last = request.messages[-1]
    if last.role == "tool":
        return f"{last.content}"
    if last.content in ("pay", "weather"):
        return call_tool("pay", amount=5) if last.content == "pay" else call_tool("weather", city="Rome")
    return " ".join(str(message.content) for message in request.messages if message.role == "user")


def made(store: MemoryJournalStore | None, own: MemoryJournalStore | None = None) -> Starlette:
    agent = LightAgent(name="helper", model=ScriptedModel(answer), tools=[pay], session_store=own)
    return serve(agent, store=store)


async def say(app: Starlette, text: JsonValue, name: JsonValue = "c", key: str = "", **more: JsonValue) -> AsgiCall:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    body: JsonObject = {"model": "helper", "input": text, "conversation": name, **more}
    return await answer_to(app, RESPONSES, body, headers=headers)


@pytest.mark.openai
def test_the_official_client_goes_on_with_a_conversation() -> None:
    app = made(MemoryJournalStore())
    with served(app) as base, openai.OpenAI(base_url=f"{base}/v1", api_key="x", max_retries=0) as client:
        conversation = client.conversations.create(metadata={"team": "blue"})
        assert conversation.metadata == {"team": "blue"}
        first = client.responses.create(model="helper", input="One", conversation=conversation.id)
        second = client.responses.create(model="helper", input="Two", conversation={"id": conversation.id})
        assert second.output_text == "One Two"
        assert second.conversation is not None
        assert second.conversation.id == conversation.id
        for one in (first, second):
            kept = client.responses.retrieve(one.id)
            assert (kept.output, kept.conversation) == (one.output, second.conversation)
        (asked,) = client.responses.input_items.list(second.id).data
        assert asked.type == "message"
        client.conversations.delete(conversation.id)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(first.id)
        with pytest.raises(openai.NotFoundError):
            client.conversations.delete(conversation.id)
        assert client.conversations.create().id != conversation.id


async def test_a_conversation_is_a_session_that_other_doors_know_as_well() -> None:
    own = MemoryJournalStore()
    agent = LightAgent(name="helper", model=ScriptedModel(answer), session_store=own)
    await agent.arun("One", session_id="any id: é")
    app = serve(agent)
    told = await say(app, "Two", "any id: é", stream=True)
    events = told_in(told)
    (response,) = objects([events[-1]["response"]])
    assert text_of(response) == "One Two"
    messages = await Sessions(own).messages("any id: é")
    assert [message["content"] for message in messages] == ["One", "One", "Two", "One Two"]
    kept = await answer_to(app, f"{RESPONSES}/{response['id']}", method="GET")
    assert kept.json["output"] == response["output"]


async def test_nobody_goes_on_with_the_conversation_of_another() -> None:
    store = MemoryJournalStore()
    app, keys = made(store), AccessKeys(store, time.time)
    ann, bob = [(await keys.create(name, tenant="acme", user=name))[0] for name in ("ann", "bob")]
    first = await say(app, "One", key=ann)
    assert text_of((await say(app, "Two", key=bob)).json) == "Two"
    path = f"{RESPONSES}/{first.json['id']}"
    assert (await answer_to(app, path, method="GET", headers={"authorization": f"Bearer {bob}"})).status == 404
    assert (await answer_to(app, path, method="GET", headers={"authorization": f"Bearer {ann}"})).status == 200
    run_id = str(first.json["id"]).removeprefix("resp_").partition("_")[0]
    for wrong in (f"resp_{run_id}", str(ResponseId(run_id, 0, "other")), f"resp_{run_id}_s9"):
        call = await answer_to(app, f"{RESPONSES}/{wrong}", method="GET", headers={"authorization": f"Bearer {ann}"})
        assert call.status == 404


async def test_a_swarm_has_conversations_too() -> None:
    def turn(request: ChatRequest) -> Reply:
        return str(len([message for message in request.messages if message.role == "user"]))

    swarm = LightSwarm()
    swarm.register_agent(*(LightAgent(name=name, model=ScriptedModel(turn)) for name in ("desk", "finance")))
    app = serve(swarms={"team": swarm}, store=MemoryJournalStore())
    said = [await say(app, "hello", model="team") for _ in range(2)]
    assert [text_of(one.json) for one in said] == ["1", "2"]


async def test_what_waits_in_a_conversation_is_answered_in_it() -> None:
    paid.clear()
    app = made(MemoryJournalStore())
    first = await say(app, "pay")
    (request,) = objects(first.json["output"])
    blocked = await say(app, "Hello?")
    assert (blocked.status, objects([blocked.json["error"]])[0]["param"]) == (409, "conversation")
    yes: JsonValue = [{"type": "mcp_approval_response", "approval_request_id": request["id"], "approve": True}]
    second = await say(app, yes)
    assert (text_of(second.json), paid) == ("Paid 5.", [5])
    assert second.json["id"] != first.json["id"]
    kept = await answer_to(app, f"{RESPONSES}/{second.json['id']}", method="GET")
    assert kept.json["output"] == second.json["output"]
    assert (await say(app, yes)).status == 404
    third = await say(app, "weather", tools=[FUNCTION])
    (call,) = objects(third.json["output"])
    told: JsonValue = [{"type": "function_call_output", "call_id": call["call_id"], "output": "warm"}]
    assert text_of((await say(app, told, tools=[FUNCTION])).json) == "warm"
    assert text_of((await say(app, "Bye")).json) == "pay weather Bye"


async def test_what_does_not_go_with_a_conversation_is_named() -> None:
    app = made(MemoryJournalStore())
    first = await say(app, "One")
    messages: JsonValue = [{"role": "user", "content": "One"}, {"role": "user", "content": "Two"}]
    several = await say(app, messages)
    assert (several.status, objects([several.json["error"]])[0]["param"]) == (400, "input")
    body: JsonObject = {"model": "helper", "input": "x", "previous_response_id": first.json["id"]}
    after = await answer_to(app, RESPONSES, body)
    assert (after.status, objects([after.json["error"]])[0]["param"]) == (400, "previous_response_id")
    path = f"{RESPONSES}/{first.json['id']}"
    assert (await answer_to(app, path, method="DELETE")).status == 400
    items = await answer_to(app, "/v1/conversations", {"items": [{"role": "user", "content": "x"}]})
    assert (items.status, objects([items.json["error"]])[0]["param"]) == (400, "items")
    assert (await answer_to(made(None), "/v1/conversations", {})).status == 400
    flow = serve(flows=[LightFlow(name="helper")], store=MemoryJournalStore())
    assert objects([(await say(flow, "x")).json["error"]])[0]["param"] == "conversation"


@pytest.mark.parametrize("session", ["", "c", "conv_1", "é\ud800\n", "x" * 200])
def test_an_id_holds_its_conversation(session: str) -> None:
    for begins in (0, 7):
        name = ResponseId("run-1", begins, session)
        assert read_response_id(str(name)) == name
