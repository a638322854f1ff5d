"""Random requests to the responses protocol: each is answered, and none is a fault of the server."""

from __future__ import annotations

from random import Random

from lightagent import LightAgent, serve
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.ports.models import ChatRequest
from tests.support.asgi_calls import answer_to, objects

RESPONSES = "/v1/responses"
REQUESTS = 150
ODD: tuple[JsonValue, ...] = (None, True, 0, -1, 1.5, "", "x", "resp_0", "mcpr_0", [], {}, [None], [[]], {"type": "x"})
KINDS = (
    "message",
    "function_call",
    "function_call_output",
    "mcp_approval_response",
    "mcp_approval_request",
    "reasoning",
    "item_reference",
)
FIELDS = ("instructions", "previous_response_id", "reasoning", "text", "tools", "metadata", "temperature", "stream")
PARTS: tuple[JsonValue, ...] = (
    {"type": "input_text", "text": "Hi"},
    {"type": "input_image", "image_url": "data:image/png;base64,aGk="},
    {"type": "input_image"},
    {"type": "output_text", "text": 5},
    {"type": "refusal", "refusal": "No."},
)


def answer(request: ChatRequest) -> Reply:
    return call_tool("weather", city="Rome") if "weather" in [tool.name for tool in request.tools] else "Well."


def random_item(random: Random) -> JsonValue:
    if random.random() < 0.1:
        return random.choice(ODD)
    content: JsonValue = random.choice(["Hi", [random.choice(PARTS)], random.choice(ODD)])
    item: JsonObject = {"type": random.choice(KINDS), "role": random.choice(["user", "assistant", "system", "tool"])}
    item |= {"content": content, "call_id": "c--1", "name": "f", "arguments": "{}", "output": "x"}
    item |= {"approval_request_id": "mcpr_1", "approve": True}
    if random.random() < 0.3:
        item[random.choice([*item])] = random.choice(ODD)
    return item


def random_body(random: Random) -> JsonObject:
    items: JsonValue = [random_item(random) for _ in range(random.randint(0, 4))]
    body: JsonObject = {"model": "helper", "input": random.choice([items, items, "Hi", random.choice(ODD)])}
    for _ in range(random.randint(0, 2)):
        body[random.choice(FIELDS)] = random.choice(ODD)
    if random.random() < 0.2:
        body["tools"] = [{"type": "function", "name": random.choice(["weather", "a b", ""]), "parameters": {}}]
    return body


async def test_no_request_is_a_fault_of_the_server() -> None:
    random, answered = Random(18), 0
    app = serve(LightAgent(name="helper", model=ScriptedModel(answer)), store=MemoryJournalStore())
    for number in range(REQUESTS):
        body = random_body(random)
        call = await answer_to(app, RESPONSES, body)
        assert call.status < 500, (number, body, call.body)
        answered += call.status == 200
        if call.status == 200 and body.get("stream") is not True:
            kept = await answer_to(app, f"{RESPONSES}/{call.json['id']}", method="GET")
            assert kept.json["output"] == call.json["output"]
            listed = await answer_to(app, f"{RESPONSES}/{call.json['id']}/input_items", method="GET")
            assert listed.status == 200
        elif call.status != 200:
            (error,) = objects([call.json["error"]])
            assert str(error["code"]).startswith("LA-")
            assert b"Traceback" not in call.body
    assert answered > REQUESTS / 20  # Else the others were refused before anything could happen.
