"""Answers that are kept, step by step without a socket: whose they are, those that go on, and what is refused."""

from __future__ import annotations

import json
import time

import pytest

from lightagent import LightAgent, serve
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.keys import AccessKeys
from lightagent.application.serving.responses.inputs import listing
from lightagent.domain.conversation.deltas import ReplyEnd, TextDelta
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.ports.models import ChatRequest
from tests.functional.test_serving_connections import SlowModel
from tests.support.asgi_calls import AsgiCall, answer_to, calling, objects

RESPONSES = "/v1/responses"


def answer(request: ChatRequest) -> Reply:
    return [TextDelta("Hello "), TextDelta("you."), ReplyEnd("stop")]


def asked(text: str = "Hi", **more: JsonValue) -> JsonObject:
    return {"model": "helper", "input": text, **more}


def helper() -> LightAgent:
    return LightAgent(name="helper", model=ScriptedModel(answer))


def client_helper() -> LightAgent:
    return LightAgent(name="helper", model=ScriptedModel(asks_for_weather))


FUNCTION: JsonObject = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def asks_for_weather(request: ChatRequest) -> Reply:
    last = request.messages[-1]
    if last.role == "tool":
        return f"It is {last.content}."
    return "Bye." if last.content == "Bye" else call_tool("weather", city=str(last.content))


def told_in(call: AsgiCall) -> list[JsonObject]:
    """The events of a stream."""
    lines = [line.removeprefix("data: ") for line in call.body.decode().split("\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines]


def text_of(body: JsonObject) -> str:
    parts = [part for item in objects(body["output"]) for part in objects(item.get("content"))]
    return "".join(str(part["text"]) for part in parts if part["type"] == "output_text")


async def test_results_without_their_tools_are_refused_by_the_name_of_the_field() -> None:
    app = serve(LightAgent(name="helper", model=ScriptedModel(asks_for_weather)), store=MemoryJournalStore())
    first = await answer_to(app, RESPONSES, {"model": "helper", "input": "Rome", "tools": [FUNCTION]})
    call = objects(first.json["output"])[-1]
    told: JsonObject = {"type": "function_call_output", "call_id": call["call_id"], "output": "warm"}
    refused = await answer_to(app, RESPONSES, {"model": "helper", "input": [told]})
    error = refused.json["error"]
    assert isinstance(error, dict)
    assert (refused.status, error["param"], str(error["message"])[:6]) == (400, "input", "input:")


@pytest.mark.parametrize("path", ["", "/input_items"])
@pytest.mark.parametrize("name", ["resp_0", "resp_", "nothing", "resp_x_y", "resp_%00"])
async def test_an_id_that_names_nothing_is_a_404(name: str, path: str) -> None:
    app = serve(helper(), store=MemoryJournalStore())
    call = await answer_to(app, f"{RESPONSES}/{name}{path}", method="GET")
    assert call.status == 404
    assert objects([call.json["error"]])[0]["code"] == "LA-404"


async def test_an_answer_of_somebody_else_is_a_404_by_every_address() -> None:
    store = MemoryJournalStore()
    app = serve(helper(), store=store)
    keys = AccessKeys(store, time.time)
    ann, bob = [
        {"authorization": f"Bearer {(await keys.create(name, tenant='acme', user=name))[0]}"} for name in ("ann", "bob")
    ]
    name = str((await answer_to(app, RESPONSES, asked(), headers=ann)).json["id"])
    for method, path in (("GET", ""), ("GET", "/input_items"), ("POST", "/cancel"), ("DELETE", "")):
        call = await answer_to(app, f"{RESPONSES}/{name}{path}", method=method, headers=bob)
        assert call.status == 404
    call = await answer_to(app, RESPONSES, asked(previous_response_id=name), headers=bob)
    assert (call.status, objects([call.json["error"]])[0]["param"]) == (404, "previous_response_id")
    assert (await answer_to(app, f"{RESPONSES}/{name}", method="GET", headers=ann)).status == 200


async def test_an_answer_that_goes_on_is_seen_cancelled_and_not_deleted() -> None:
    store, model = MemoryJournalStore(), SlowModel()
    app = serve(LightAgent(name="helper", model=model), store=store)
    async with calling(app, RESPONSES, asked(stream=True)) as call:
        await call.until(lambda: b"output_text.delta" in call.body)
        (response,) = objects([told_in(call)[0]["response"]])
        path = f"{RESPONSES}/{response['id']}"
        assert (await answer_to(app, path, method="GET")).json["status"] == "in_progress"
        assert (await answer_to(app, path, method="DELETE")).status == 409
        after = await answer_to(app, RESPONSES, asked(previous_response_id=response["id"]))
        assert after.status == 409
        cancelled = await answer_to(app, f"{path}/cancel", method="POST")
        assert cancelled.json["status"] == "cancelled"
        await call.ended()
    assert told_in(call)[-1]["type"] == "response.failed"
    assert model.given_up.is_set()
    assert (await answer_to(app, path, method="GET")).json["status"] == "cancelled"


async def test_functions_of_the_client_are_called_and_their_outputs_come_back() -> None:
    app = serve(client_helper(), store=MemoryJournalStore())
    first = (await answer_to(app, RESPONSES, asked("Rome", tools=[FUNCTION]))).json
    (call,) = objects(first["output"])
    assert (call["type"], call["name"], call["arguments"]) == ("function_call", "weather", '{"city": "Rome"}')
    kept = (await answer_to(app, f"{RESPONSES}/{first['id']}", method="GET")).json
    assert kept["output"] == first["output"]
    told: JsonValue = [{"type": "function_call_output", "call_id": call["call_id"], "output": "warm"}]
    body: JsonObject = {"model": "helper", "previous_response_id": first["id"], "input": told, "tools": [FUNCTION]}
    second = (await answer_to(app, RESPONSES, body)).json
    assert text_of(second) == "It is warm."
    assert second["id"] != first["id"]
    kept = (await answer_to(app, f"{RESPONSES}/{second['id']}", method="GET")).json
    assert kept["output"] == second["output"]
    assert (await answer_to(app, RESPONSES, body)).status == 409
    third = await answer_to(app, RESPONSES, asked("Bye", previous_response_id=second["id"]))
    assert third.status == 200


async def test_a_client_that_keeps_the_conversation_itself_sends_all_items() -> None:
    app = serve(client_helper())
    (call,) = objects((await answer_to(app, RESPONSES, asked("Rome", tools=[FUNCTION]))).json["output"])
    items: list[JsonValue] = [
        {"role": "user", "content": "Rome"},
        call,
        {"type": "function_call_output", "call_id": call["call_id"], "output": "warm"},
    ]
    second = await answer_to(app, RESPONSES, {"model": "helper", "input": items, "tools": [FUNCTION]})
    assert text_of(second.json) == "It is warm."


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"input": [5]}, "input[0]"),
        ({"input": [{"type": "computer_call"}]}, "input[0].type"),
        ({"input": [{"role": "robot", "content": "Hi"}]}, "input[0].role"),
        ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0]"),
        ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
        ({"input": [{"role": "assistant", "content": "Hi"}]}, "input"),
        ({"instructions": 5}, "instructions"),
        ({"background": 1}, "background"),
        ({"background": True}, "background"),
        ({"conversation": 5}, "conversation"),
        ({"conversation": {}}, "conversation"),
        ({"conversation": "c"}, "conversation"),
        ({"conversation": "c", "previous_response_id": "resp_x"}, "conversation"),
        ({"conversation": "c", "background": True}, "background"),
        ({"text": {"format": 5}}, "text.format"),
        ({"reasoning": "high"}, "reasoning"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"previous_response_id": 5}, "previous_response_id"),
        ({"metadata": {"a": 5}}, "metadata"),
    ],
)
async def test_what_is_wrong_is_named(wrong: JsonObject, param: str) -> None:
    call = await answer_to(serve(helper()), RESPONSES, {**asked(), **wrong})
    assert call.status == (404 if param == "previous_response_id" else 400)
    assert objects([call.json["error"]])[0]["param"] == param


async def test_without_a_store_an_answer_that_has_ended_is_kept_nowhere() -> None:
    app = serve(helper())
    first = await answer_to(app, RESPONSES, asked())
    call = await answer_to(app, f"{RESPONSES}/{first.json['id']}", method="GET")
    assert call.status == 404
    assert "store" in str(objects([call.json["error"]])[0]["guidance"])


@pytest.mark.parametrize("query", ["order=up", "limit=0", "limit=1000", "limit=x", "after=nothing"])
async def test_a_page_that_cannot_be_is_refused(query: str) -> None:
    with pytest.raises(RequestRefused) as raised:
        listing([], **dict([query.split("=")]))
    assert raised.value.param == query.partition("=")[0]


async def test_a_key_for_one_model_sees_no_answers_of_the_others() -> None:
    store = MemoryJournalStore()
    app = serve([helper(), LightAgent(name="other", model=ScriptedModel(answer))], store=store)
    keys = AccessKeys(store, time.time)
    whole, narrow = [
        {"authorization": f"Bearer {(await keys.create(tenant='acme', user='ann', agents=names))[0]}"}
        for names in (None, ("helper",))
    ]
    first = await answer_to(app, RESPONSES, {"model": "other", "input": "A secret."}, headers=whole)
    name = first.json["id"]
    (item,) = objects(first.json["output"])
    for method, path in (("GET", ""), ("GET", "/input_items"), ("POST", "/cancel"), ("DELETE", "")):
        call = await answer_to(app, f"{RESPONSES}/{name}{path}", method=method, headers=narrow)
        assert (call.status, b"secret" in call.body) == (404, False)
    named: list[JsonValue] = [{"type": "item_reference", "id": item["id"]}, {"role": "user", "content": "Hi"}]
    for more in (asked(previous_response_id=name), {**asked(), "input": named}):
        assert (await answer_to(app, RESPONSES, more, headers=narrow)).status == 404
    assert (await answer_to(app, f"{RESPONSES}/{name}", method="GET", headers=whole)).status == 200
