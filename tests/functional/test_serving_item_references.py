"""Items of earlier answers that a request names by their ids."""

from __future__ import annotations

import time

import openai
import pytest

from lightagent import LightAgent, serve
from lightagent.adapters.chat.scripted import Reply, ScriptedModel
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.serving.keys import AccessKeys
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.ports.models import ChatRequest
from lightagent.settings.sections.serve import ServeSettings
from tests.functional.test_serving_responses_owners import FUNCTION, asks_for_weather, text_of
from tests.support.asgi_calls import answer_to, objects
from tests.support.served import served

RESPONSES = "/v1/responses"


def count(request: ChatRequest) -> Reply:
    return " | ".join(f"{message.role}: {message.content}" for message in request.messages[1:])


def reference(item: JsonObject) -> JsonObject:
    return {"type": "item_reference", "id": item["id"]}


@pytest.mark.openai
def test_the_official_client_sends_what_an_answer_said_by_its_id() -> None:
    app = serve(LightAgent(name="helper", model=ScriptedModel(count)), store=MemoryJournalStore())
    with served(app) as base, openai.OpenAI(base_url=f"{base}/v1", api_key="x", max_retries=0) as client:
        first = client.responses.create(model="helper", input="One")
        (said,) = first.output
        assert said.type == "message"
        (asked,) = client.responses.input_items.list(first.id).data
        second = client.responses.create(
            model="helper",
            input=[
                {"type": "item_reference", "id": str(asked.id)},
                {"type": "item_reference", "id": said.id},
                {"role": "user", "content": "Two"},
            ],
        )
    assert second.output_text.endswith("| assistant: user: One | user: Two")


async def test_a_call_of_the_client_s_function_is_named_beside_its_output() -> None:
    agent = LightAgent(name="helper", model=ScriptedModel(asks_for_weather))
    app = serve(agent, store=MemoryJournalStore(), settings=ServeSettings(tools_shown="extension"))
    first = await answer_to(app, RESPONSES, {"model": "helper", "input": "Rome", "tools": [FUNCTION]})
    (call,) = objects(first.json["output"])
    items: list[JsonValue] = [
        {"role": "user", "content": "Rome"},
        reference(call),
        {"type": "function_call_output", "call_id": call["call_id"], "output": "warm"},
    ]
    second = await answer_to(app, RESPONSES, {"model": "helper", "input": items, "tools": [FUNCTION]})
    assert text_of(second.json) == "It is warm."


async def test_items_of_others_and_of_nobody_are_not_there() -> None:
    store = MemoryJournalStore()
    app = serve(LightAgent(name="helper", model=ScriptedModel(count)), store=store)
    keys = AccessKeys(store, time.time)
    ann, bob = [
        {"authorization": f"Bearer {(await keys.create(name, tenant='acme', user=name))[0]}"} for name in ("ann", "bob")
    ]
    first = await answer_to(app, RESPONSES, {"model": "helper", "input": "One"}, headers=ann)
    (said,) = objects(first.json["output"])
    query: JsonObject = {"role": "user", "content": "Two"}
    for name in (said["id"], "msg_x_0", "msg_", "x", f"{said['id']}9"):
        body: JsonObject = {"model": "helper", "input": [query, {"type": "item_reference", "id": name}, query]}
        call = await answer_to(app, RESPONSES, body, headers=bob)
        (error,) = objects([call.json["error"]])
        assert (call.status, error["param"]) == (404, "input[1].id")
        assert str(name) in str(error["message"])
    own = await answer_to(app, RESPONSES, {"model": "helper", "input": [reference(said), query]}, headers=ann)
    assert text_of(own.json) == "assistant: user: One | user: Two"
    many = await answer_to(app, RESPONSES, {"model": "helper", "input": [reference(said)] * 2001}, headers=ann)
    assert many.status == 413
    wrong = await answer_to(app, RESPONSES, {"model": "helper", "input": [{"id": 5}, query]}, headers=ann)
    assert wrong.status == 400
