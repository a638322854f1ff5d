"""What clients may send by mistake or malice: each has its answer, and none is a fault of the server."""

from __future__ import annotations

import json
from functools import cache

import pytest
from starlette.applications import Starlette

from lightagent import LightAgent, serve
from lightagent.adapters.chat.scripted import ScriptedModel
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.settings.sections.serve import ServeSettings
from tests.support.asgi_calls import AsgiCall, answer_to, chat

CHAT = "/v1/chat/completions"


@cache
def app() -> Starlette:
    return serve(LightAgent(name="helper", model=ScriptedModel(lambda request: "Well.", record=False)))


async def send(body: bytes, **headers: str) -> AsgiCall:
    call = AsgiCall(app(), "POST", CHAT, {name.replace("_", "-"): value for name, value in headers.items()}, body)
    await call.ended()
    return call


def error_of(call: AsgiCall) -> JsonObject:
    error = call.json["error"]
    assert isinstance(error, dict)
    return error


def messages(*listed: JsonValue) -> JsonObject:
    return {"model": "helper", "messages": [*listed]}


ASSISTANT: JsonObject = {"role": "assistant", "content": "Yes?"}
CALL: JsonObject = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}

REFUSED: dict[str, tuple[JsonValue, int, str | None]] = {
    "no object": ([], 400, None),
    "no model": ({"messages": []}, 400, "model"),
    "model of a wrong type": (chat("x", model=5), 400, "model"),
    "unknown model": (chat("x", model="x" * 10_000), 404, "model"),
    "no messages": ({"model": "helper"}, 400, "messages"),
    "empty messages": (messages(), 400, "messages"),
    "a message that is none": (messages("hello"), 400, "messages[0]"),
    "a role that is none": (messages({"role": "root", "content": "x"}), 400, "messages[0].role"),
    "the assistant speaks last": (messages(ASSISTANT), 400, "messages"),
    "only a system message": (messages({"role": "system", "content": "x"}), 400, "messages"),
    "a user without content": (messages({"role": "user"}), 400, "messages[0].content"),
    "content of a wrong type": (messages({"role": "user", "content": 5}), 400, "messages[0].content"),
    "content without parts": (messages({"role": "user", "content": []}), 400, "messages"),
    "a part without type": (messages({"role": "user", "content": [{}]}), 400, "messages[0].content[0]"),
    "a sound": (
        messages({"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]}),
        400,
        "messages[0].content[0]",
    ),
    "an image elsewhere": (
        messages({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://10.0.0.1/x"}}]}),
        400,
        "messages[0].content[0]",
    ),
    "an image of a wrong type": (
        messages({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:text/html,x"}}]}),
        400,
        "messages[0].content[0]",
    ),
    "a system message that is not text": (messages({"role": "system", "content": 5}), 400, "messages[0].content"),
    "10,000 messages": (messages(*([ASSISTANT] * 10_000)), 413, "messages"),
    "a result of no call": (
        messages({"role": "tool", "tool_call_id": "c1", "content": "x"}, {"role": "user", "content": "x"}),
        400,
        "messages[0].tool_call_id",
    ),
    "a forged result": (messages({"role": "tool", "tool_call_id": "c1", "content": "x"}), 400, None),
    "a result without a call's id": (messages({"role": "tool", "content": "x"}), 400, "messages[0].tool_call_id"),
    "five answers": (chat("x", n=5), 400, "n"),
    "probabilities": (chat("x", logprobs=True), 400, "logprobs"),
    "speech": (chat("x", audio={"voice": "alloy"}), 400, "audio"),
    "modalities": (chat("x", modalities=["text", "audio"]), 400, "modalities"),
    "old functions": (chat("x", functions=[{"name": "f"}]), 400, "functions"),
    "stream of a wrong type": (chat("x", stream="yes"), 400, "stream"),
    "usage of a wrong type": (chat("x", stream_options={"include_usage": 1}), 400, "stream_options.include_usage"),
    "tools of a wrong type": (chat("x", tools={}), 400, "tools"),
    "a tool that is not a function": (chat("x", tools=[{"type": "mcp"}]), 400, "tools[0].type"),
    "a function without a name": (chat("x", tools=[{"type": "function", "function": {}}]), 400, "tools[0].function"),
    "a forced tool": (chat("x", tool_choice="required"), 400, "tool_choice"),
    "metadata of a wrong type": (chat("x", metadata={"a": 1}), 400, "metadata"),
    "too much metadata": (chat("x", metadata={str(n): "x" for n in range(100)}), 400, "metadata"),
    "a user of a wrong type": (chat("x", user=5), 400, "user"),
}


@pytest.mark.parametrize(("body", "status", "param"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_wrong_request_is_told_what_is_wrong(body: JsonValue, status: int, param: str | None) -> None:
    call = await send(json.dumps(body).encode())
    assert (call.status, call.headers["x-should-retry"]) == (status, "false")
    error = error_of(call)
    assert (error["param"], str(error["code"])[:3]) == (param, "LA-")
    assert len(str(error["message"])) < 500


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b"", 400, "not JSON"),
        (b"{\n  'a': 1}", 400, "line 2, column 3"),
        (b'{"a": NaN}', 400, ""),
        (b'{"a": 1, "a": 2}', 400, "twice"),
        (b"\xff{}", 400, "byte 0"),
        (b"[" * 100_000, 400, ""),
        (b'{"a":' * 200 + b"1" + b"}" * 200, 400, ""),
        (b'{"a": ' + b"9" * 10_000 + b"}", 400, ""),
        (b'"' + b"x" * 1_000_001 + b'"', 413, "1000000 bytes"),
        (b'"data:' + b"x" * 20_000_001 + b'"', 413, "20000000 bytes"),
    ],
    ids=lambda value: repr(value[:12]) if isinstance(value, bytes) else None,
)
async def test_a_body_that_is_no_json_or_too_large_is_refused(body: bytes, status: int, told: str) -> None:
    call = await send(body)
    assert call.status == status
    assert told in str(error_of(call)["message"])


async def test_only_json_is_taken() -> None:
    assert (await send(b"{}", content_type="text/plain")).status == 415


async def test_a_body_that_is_announced_too_large_is_not_read() -> None:
    call = AsgiCall(app(), "POST", CHAT, {"content-length": str(10**9)}, b"")
    await call.ended()
    assert call.status == 413


async def test_a_body_that_does_not_arrive_is_given_up() -> None:
    slow = serve(LightAgent(name="helper", model=ScriptedModel(["x"])), settings=ServeSettings(body_seconds=0.02))
    call = AsgiCall(slow, "POST", CHAT, {}, b"{", more_body=True)
    await call.ended()
    assert call.status == 408


async def test_harmless_values_and_unknown_fields_change_nothing() -> None:
    body = chat("x", n=1, logprobs=False, audio=None, store=True, service_tier="auto", foo={"bar": [1]}, tools=None)
    assert (await answer_to(app(), CHAT, body)).message["content"] == "Well."


async def test_an_image_as_a_data_url_goes_to_the_model() -> None:
    model = ScriptedModel(["A cat."])
    pixel = "data:image/png;base64,iVBORw0KGgo="
    parts: list[JsonValue] = [
        {"type": "text", "text": "What is it?"},
        {"type": "image_url", "image_url": {"url": pixel, "detail": "low"}},
    ]
    told = await answer_to(
        serve(LightAgent(name="helper", model=model)), CHAT, messages({"role": "user", "content": parts})
    )
    assert told.message["content"] == "A cat."
    assert pixel in str(model.requests[0].messages[-1].to_openai())
