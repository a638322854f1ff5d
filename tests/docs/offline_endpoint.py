"""A small OpenAI-compatible server in this process, whose model is lightagent's offline one.

The documentation's programs name models of OpenAI; with OPENAI_BASE_URL set to this server they run unchanged, over a
real wire.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from aiohttp import web

from lightagent.adapters.chat.offline import OfflineModel
from lightagent.domain.conversation.deltas import Delta, ReplyEnd, TextDelta, ToolCallDelta, fold_deltas
from lightagent.domain.conversation.history import parse_history
from lightagent.domain.conversation.messages import Message, SystemMessage
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.tools.spec import ToolSpec
from lightagent.domain.usage import Usage
from lightagent.ports.models import ChatRequest

MODEL = OfflineModel()


@contextmanager
def offline_endpoint() -> Iterator[str]:
    """The base URL of a server that lives as long as the context."""
    ready: Future[str] = Future()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    thread = threading.Thread(target=_run, args=(loop, ready, stop), name="offline-endpoint", daemon=True)
    thread.start()
    try:
        yield ready.result(timeout=10)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(timeout=10)


def _run(loop: asyncio.AbstractEventLoop, ready: Future[str], stop: asyncio.Event) -> None:
    try:
        loop.run_until_complete(_serve(ready, stop))
    finally:
        loop.close()


async def _serve(ready: Future[str], stop: asyncio.Event) -> None:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        ready.set_result(f"http://{host}:{port}/v1")
        await stop.wait()
    finally:
        await runner.cleanup()


async def complete(request: web.Request) -> web.StreamResponse:
    """`POST /v1/chat/completions`."""
    body: JsonObject = await request.json()
    asked = read_request(body)
    deltas = [delta async for delta in MODEL.stream(asked)]
    if not asked.stream:
        return web.json_response(_completion(deltas, body))
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    for chunk in _chunks(deltas, body):
        await answer.write(b"data: " + json.dumps(chunk).encode() + b"\n\n")
    await answer.write(b"data: [DONE]\n\n")
    return answer


def read_request(body: JsonObject) -> ChatRequest:
    """The request as the port wants it."""
    messages = _objects(body["messages"])
    system: list[Message] = [SystemMessage(str(one["content"])) for one in messages if one["role"] == "system"]
    rest = parse_history([one for one in messages if one["role"] != "system"])
    functions = [_object(tool["function"]) for tool in _objects(body.get("tools", []))]
    tools = [ToolSpec(str(f["name"]), str(f.get("description", "")), _object(f["parameters"])) for f in functions]
    form = _object(body.get("response_format", {}))
    schema = _object(_object(form["json_schema"])["schema"]) if form.get("type") == "json_schema" else None
    return ChatRequest((*system, *rest), tuple(tools), {}, schema, body.get("stream") is True)


def _completion(deltas: list[Delta], body: JsonObject) -> JsonObject:
    reply = fold_deltas(deltas)
    choice: JsonObject = {"index": 0, "message": reply.message.to_openai(), "finish_reason": reply.end.finish_reason}
    return {**_head(body, "chat.completion"), "choices": [choice], "usage": _usage(reply.end.usage)}


def _chunks(deltas: list[Delta], body: JsonObject) -> Iterator[JsonObject]:
    head = _head(body, "chat.completion.chunk")
    for delta in deltas:
        match delta:
            case TextDelta(text):
                yield {**head, "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
            case ToolCallDelta(index, call_id, name, arguments):
                function: JsonObject = {"name": name, "arguments": arguments} if name else {"arguments": arguments}
                call: JsonObject = {"index": index, "function": function}
                if call_id:
                    call |= {"id": call_id, "type": "function"}
                yield {**head, "choices": [{"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}]}
            case ReplyEnd(reason, usage):
                yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
                yield {**head, "choices": [], "usage": _usage(usage)}
            case _:
                raise ValueError(f"The offline model does not send {delta}.")


def _head(body: JsonObject, kind: str) -> JsonObject:
    return {"id": "chatcmpl-offline", "object": kind, "created": 0, "model": body["model"]}


def _usage(usage: Usage | None) -> JsonObject | None:
    if usage is None:
        return None
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
    }


def _object(value: JsonValue) -> JsonObject:
    assert isinstance(value, dict), value
    return value


def _objects(value: JsonValue) -> list[JsonObject]:
    assert isinstance(value, list), value
    return [_object(one) for one in value]
