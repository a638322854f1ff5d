"""Requests to every address of a server, from a seed: right ones in which something is wrong, as clients send them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final

from starlette.types import ASGIApp

from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject, JsonValue
from tests.support.random_requests import random_body, random_json

MODELS: Final = ("helper", "helper", "helper", "helper", "letters", "utility", "nobody")

_WEATHER: Final[JsonObject] = {
    "name": "weather",
    "description": "The weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
_PIXEL: Final = "data:image/png;base64,iVBORw0KGgo="
_CALL: Final[JsonObject] = {"id": "r--c", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
_CHAT: Final[JsonObject] = {
    "model": "helper",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "Hi"}, {"type": "image_url", "image_url": {"url": _PIXEL}}],
        },
        {"role": "assistant", "content": "Yes?", "tool_calls": [_CALL]},
        {"role": "tool", "tool_call_id": "r--c", "content": "warm"},
        {"role": "user", "content": "Rome", "name": "ann"},
    ],
    "stream": True,
    "stream_options": {"include_usage": True},
    "metadata": {"a": "b"},
    "temperature": 0.5,
    "stop": ["x"],
    "response_format": {"type": "json_object"},
    "tools": [{"type": "function", "function": _WEATHER}],
    "tool_choice": "auto",
    "user": "ann",
    "n": 1,
}
_ITEMS: Final[list[JsonValue]] = [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
    {"role": "assistant", "content": [{"type": "output_text", "text": "Yes?"}]},
    {"type": "function_call", "call_id": "r--c", "name": "weather", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "r--c", "output": "warm"},
    {"type": "reasoning", "summary": []},
    {"role": "user", "content": [{"type": "input_image", "image_url": _PIXEL, "detail": "low"}]},
    {"type": "mcp_approval_response", "approval_request_id": "mcpr_x", "approve": True, "reason": "x"},
    {"type": "item_reference", "id": "msg_x"},
    {"role": "user", "content": "Rome"},
]
_RESPONSE: Final[JsonObject] = {
    "model": "helper",
    "input": _ITEMS,
    "instructions": "Be brief.",
    "previous_response_id": None,
    "stream": True,
    "metadata": {"a": "b"},
    "max_output_tokens": 100,
    "reasoning": {"effort": "low", "summary": "auto"},
    "text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}}, "verbosity": "low"},
    "tools": [{"type": "function", **_WEATHER}],
    "tool_choice": "auto",
    "background": False,
    "conversation": None,
    "user": "ann",
}
_RUN: Final[JsonObject] = {
    "threadId": "t",
    "runId": "r",
    "parentRunId": "p",
    "state": {},
    "messages": [
        {"id": "1", "role": "system", "content": "Be brief."},
        {"id": "2", "role": "user", "content": "Hi"},
        {
            "id": "3",
            "role": "assistant",
            "content": "Yes?",
            "toolCalls": [_CALL],
        },
        {"id": "4", "role": "tool", "toolCallId": "r--c", "content": "warm"},
        {"id": "5", "role": "user", "content": [{"type": "text", "text": "Rome"}]},
    ],
    "tools": [_WEATHER],
    "context": [{"description": "where", "value": "here"}],
    "forwardedProps": {},
    "resume": [{"interruptId": "i", "status": "resolved", "payload": {"approved": True, "editedArgs": {}}}],
}
_UI_CHAT: Final[JsonObject] = {
    "id": "chat",
    "trigger": "submit-message",
    "messages": [
        {"id": "1", "role": "user", "parts": [{"type": "text", "text": "Hi"}]},
        {
            "id": "2",
            "role": "assistant",
            "parts": [
                {"type": "step-start"},
                {"type": "text", "text": "Yes?", "state": "done"},
                {"type": "reasoning", "text": "Hm."},
                {
                    "type": "dynamic-tool",
                    "toolName": "pay",
                    "toolCallId": "r--c",
                    "state": "approval-responded",
                    "input": {"amount": 1},
                    "approval": {"id": "x", "approved": True},
                },
                {"type": "tool-weather", "toolCallId": "r--c", "state": "output-available", "input": {}, "output": "x"},
            ],
        },
        {
            "id": "3",
            "role": "user",
            "parts": [{"type": "text", "text": "Rome"}, {"type": "file", "mediaType": "image/png", "url": _PIXEL}],
        },
    ],
    "tools": [_WEATHER],
}
_SENT: Final[JsonObject] = {
    "message": {
        "messageId": "m",
        "role": "ROLE_USER",
        "taskId": "",
        "contextId": "c",
        "parts": [{"text": "Hi"}, {"raw": "iVBORw==", "mediaType": "image/png"}, {"data": {"approved": True}}],
    },
    "configuration": {"acceptedOutputModes": ["text/plain"], "historyLength": 1, "returnImmediately": False},
    "metadata": {},
}
_RPC: Final[JsonObject] = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage", "params": _SENT}
_TOOL_CALL: Final[JsonObject] = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {"name": "helper", "arguments": {"query": "Hi"}},
}
_BODIES: Final[dict[str, JsonObject]] = {
    "/v1/chat/completions": _CHAT,
    "/v1/responses": _RESPONSE,
    "/ag-ui/": _RUN,
    "/vercel/": _UI_CHAT,
    "/a2a/": _RPC,
    "/a2a/helper/message:send": _SENT,
    "/a2a/helper/message:stream": _SENT,
    "/mcp": _TOOL_CALL,
    "/v1/conversations": {"metadata": {"a": "b"}, "items": []},
}
_PATHS: Final = (*_BODIES, *("/v1/chat/completions", "/v1/responses") * 4, *("/ag-ui/", "/vercel/") * 2)
"""Those to which most is sent come more than once."""

_MODEL_NAMED: Final = ("/ag-ui/", "/vercel/", "/a2a/")
_ODD: Final[list[JsonValue]] = [
    *(None, True, False, 0, 1, -1, 10**30, 1e300, "", "x", "\ud800", "\x00", "ü\u2028"),
    *("a" * 300, "http://10.0.0.1/x.png", "data:text/html,x", "data:image/png;base64,%%%", "r--c", "resp_x", "--"),
    [],
    {},
    [None],
    [[]],
    {"": {}},
]
_HEADERS: Final[tuple[tuple[str, bytes], ...]] = (
    *(("host", host) for host in (b"evil.example", b"", b"[", b"localhost:1", b"\xff")),
    *(("origin", origin) for origin in (b"null", b"http://[", b"http://localhost", b"http://localhost:1", b"\xff")),
    *(("content-type", kind) for kind in (b"text/plain", b"", b"application/json; charset=utf-8", b"\xff")),
    *(
        ("authorization", text)
        for text in (b"", b"Bearer", b"Basic eDp5", b"Bearer lak_0_0", b"bearer \xff", b"x" * 9999)
    ),
    *(("content-length", number) for number in (b"-1", b"x", b"99999999999", b"\xb2", b"")),
    *(("content-encoding", kind) for kind in (b"gzip", b"identity", b"\xff")),
    *(("traceparent", b"00-" + b"f" * 32 + b"-" + b"a" * 16 + b"-01"), ("traceparent", b"\xff")),
    *(("x-openwebui-user-id", b"bob"), ("x-openwebui-chat-id", b"\xff" * 300), ("x-api-key", b"\xff")),
    *(("idempotency-key", b"k"), ("idempotency-key", b"\xff" * 3000), ("last-event-id", b"-1")),
)
_IDS: Final = (
    "x",
    "resp_x",
    "resp_0_0",
    "resp_0_999999999",
    "resp_" + "a" * 300,
    "%00",
    "a%0d%0ab",
    "..",
    "ü",
    "\ud800",
)
_QUERIES: Final = (
    b"",
    b"",
    b"order=asc&limit=1",
    b"limit=999",
    b"after=x",
    b"stream=true&starting_after=-1",
    b"%ff=%ff",
    b"a" * 9999,
)


@dataclass(frozen=True, slots=True)
class RandomCall:
    """One request."""

    method: str
    path: str
    query: bytes = b""
    headers: Mapping[str, bytes] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def random_call(random: Random, known: list[str]) -> RandomCall:
    """A request.

    Args:
        known: ids of answers that there are.
    """
    headers = dict(random.sample(_HEADERS, 1)) if random.random() < 0.1 else {}
    if random.random() < 0.35:
        return _look(random, known, headers)
    path = random.choice(_PATHS)
    body = random_body(random) if random.random() < 0.15 else _written(random, _mutated(random, _BODIES[path]))
    named = random.choice(MODELS) if path in _MODEL_NAMED else ""
    return RandomCall("POST", path + named, b"", headers, body)


def _look(random: Random, known: list[str], headers: Mapping[str, bytes]) -> RandomCall:
    """A request about what is there, or is not."""
    name = random.choice(known) if known and random.random() < 0.5 else random.choice(_IDS)
    method, path = random.choice(
        (
            ("GET", f"/v1/responses/{name}"),
            ("GET", f"/v1/responses/{name}/input_items"),
            ("POST", f"/v1/responses/{name}/cancel"),
            ("DELETE", f"/v1/responses/{name}"),
            ("GET", "/v1/models"),
            ("GET", f"/v1/models/{random.choice((*MODELS, name))}"),
            ("DELETE", f"/v1/conversations/{name}"),
            ("GET", f"/a2a/helper/tasks/{name}"),
            ("POST", f"/a2a/helper/tasks/{name}:cancel"),
            ("POST", f"/a2a/helper/tasks/{name}:subscribe"),
            ("GET", "/a2a/helper/.well-known/agent-card.json"),
            ("GET", f"/vercel/helper/{name}/stream"),
            ("DELETE", "/mcp"),
            ("GET", "/healthz"),
            ("GET", "/readyz"),
            ("POST", f"/v1/{name}"),
            ("GET", f"/{name}"),
        )
    )
    if random.random() < 0.1:
        method = random.choice(("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "FOO"))
    return RandomCall(method, path, random.choice(_QUERIES), headers, b"{}" if method == "POST" else b"")


_NEEDED: Final = ("model", "messages", "message", "input", "threadId", "runId", "jsonrpc", "method", "params")


def _mutated(random: Random, body: JsonObject) -> JsonValue:
    """A right body with fields left out, and values replaced wherever they stand."""
    whole: JsonObject = json.loads(json.dumps(body))
    for name in [*whole]:
        if random.random() < 0.4 and name not in _NEEDED:
            del whole[name]
    if "model" in whole:
        whole["model"] = random.choice(MODELS)
    if random.random() < 0.7:
        whole.pop("resume", None)
    for _ in range(random.choice((0, 0, 1, 1, 2, 3))):
        _replace_one(random, whole)
    return whole


def _replace_one(random: Random, whole: JsonObject) -> None:
    """Replace, remove or double one value, at any depth."""
    holder: JsonValue = whole
    while isinstance(holder, (dict, list)) and holder:
        place: Any = random.choice([*holder]) if isinstance(holder, dict) else random.randrange(len(holder))
        inner = holder[place]
        if isinstance(inner, (dict, list)) and inner and random.random() < 0.75:
            holder = inner
            continue
        kind = random.random()
        if kind < 0.7:
            holder[place] = copy_json(random.choice(_ODD)) if random.random() < 0.8 else random_json(random, 3)
        elif kind < 0.9:
            del holder[place]
        elif isinstance(holder, list):
            holder.append(copy_json(inner))
        else:
            holder[random.choice(("", "ü", "type", "untrusted", "from_model", "x" * 300))] = copy_json(inner)
        return


def _written(random: Random, value: JsonValue) -> bytes:
    text = json.dumps(value, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    return text[: random.randrange(len(text))] if random.random() < 0.02 else text


async def answer_of(app: ASGIApp, call: RandomCall, piece: int = 100_000_000) -> Answered:
    """Send it, and read the answer to its end.

    Args:
        piece: bytes of the body that come at a time.
    """
    accepted = b"application/json, text/event-stream"
    headers = {"host": b"localhost", "content-type": b"application/json", "accept": accepted, **call.headers}
    scope: MutableMapping[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": call.method,
        "scheme": "http",
        "path": call.path,
        "raw_path": call.path.encode("utf-8", "surrogatepass"),
        "query_string": call.query,
        "root_path": "",
        "headers": [(name.lower().encode(), value) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    sent = list[MutableMapping[str, Any]]()
    pieces = [call.body[at : at + piece] for at in range(0, max(1, len(call.body)), piece)]

    async def receive() -> MutableMapping[str, Any]:
        if pieces:
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}
        await asyncio.Event().wait()
        raise AssertionError("the client stays")

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async with asyncio.timeout(60):
        await app(scope, receive, send)
    told = {name.decode("latin-1"): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Answered(sent[0]["status"], told, b"".join(message.get("body", b"") for message in sent[1:]))
