"""Random calls of A2A and MCP: each is answered as its protocol says, and none is the server's fault."""

from __future__ import annotations

import json
import os
from random import Random

import pytest

pytest.importorskip("a2a", reason="the environment of openai 2 has no a2a-sdk")

from starlette.applications import Starlette

from lightagent import LightAgent, LightFlow, serve, tool
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.ports.models import ChatRequest
from lightagent.settings.sections.serve import ServeSettings
from tests.support.asgi_calls import AsgiCall, answer_to, objects
from tests.support.random_requests import random_json

CALLS = int(os.environ.get("TEST_SERVING_REQUESTS", "2000")) // 5
SECRET = "the server's secret"
METHODS = (
    "SendMessage",
    "SendMessage",
    "SendStreamingMessage",
    "GetTask",
    "CancelTask",
    "SubscribeToTask",
    "ListTasks",
    "",
    "x",
)
MODELS = ("helper", "helper", "helper", "letters", "nobody")
ODD: tuple[JsonValue, ...] = (None, True, 0, -1, 10**30, 1e300, "", "\ud800", "x" * 300, [], {}, [None], {"": {}})


@tool(requires_approval=True)
def pay(amount: int) -> str:
    """Pay."""
    return f"Paid {amount}."


def reply(request: ChatRequest) -> Reply:
    """Pays for questions of some lengths, and says something to others."""
    said = str(request.messages[-1].content)
    return call_tool("pay", amount=1) if request.messages[-1].role == "user" and len(said) % 3 == 1 else "Well."


def application() -> Starlette:
    agent = LightAgent(name="helper", model=ScriptedModel(reply, record=False), tools=[pay], instructions=SECRET)
    flow = LightFlow(name="letters").step("write", agent=lambda query: f"Dear {query}")
    settings = ServeSettings(chat_approvals=True, runs=10)
    return serve([agent], flows=[flow], store=MemoryJournalStore(), settings=settings)


def message(random: Random, known: list[str], waiting: list[str]) -> JsonObject:
    """The parameters of a call, in which something may be wrong."""
    parts: list[JsonValue] = [
        {"text": "a" * random.randrange(5)},
        {"data": {"requestId": random.choice([*waiting, "x"]), "approved": random.choice((True, False, 1))}},
        {"data": random_json(random, 3)},
        {"raw": random.choice(("iVBORw0KGgo=", "%%%")), "mediaType": random.choice(("image/png", "audio/wav"))},
        {"url": "http://10.0.0.1/x.png", "mediaType": "image/png"},
    ]
    task = random.choice([*known, "x"])
    said: JsonObject = {
        "messageId": "m",
        "role": random.choice(("ROLE_USER",) * 5 + ("ROLE_AGENT", "x")),
        "parts": random.sample(parts, random.choice((1, 1, 1, 2))),
        "contextId": random.choice(("", "c", "c")),
        "taskId": task if random.random() < 0.3 else "",
    }
    params: JsonObject = {"message": said, "id": task, "configuration": {"historyLength": 1}}
    for holder in (params, said, *objects(said["parts"])):
        if random.random() < 0.1:
            holder[random.choice([*holder, "metadata", "extensions"])] = random.choice(ODD)
    return params


def note(told: JsonValue, known: list[str], waiting: list[str]) -> None:
    """Remember the tasks and requests of an answer."""
    if isinstance(told, dict):
        if "contextId" in told and "status" in told:
            known.append(str(told.get("id") or told.get("taskId")))
        if "requestId" in told:
            waiting.append(str(told["requestId"]))
        for value in told.values():
            note(value, known, waiting)
    if isinstance(told, list):
        for value in told:
            note(value, known, waiting)
    del known[:-5], waiting[:-5]


def is_right(call: AsgiCall) -> bool:
    """Whether an answer is one of JSON-RPC, or of a refused request."""
    if call.headers["content-type"].startswith("text/event-stream"):
        return call.body.endswith(b"\n\n") and all("result" in one or "error" in one for one in call.chunks)
    told = json.loads(call.body)
    return call.status < 500 and "Traceback" not in str(told) and ("result" in told or "error" in told)


async def test_no_call_of_a2a_is_a_fault_of_the_server() -> None:
    app, random, known, waiting = application(), Random("a2a"), list[str](), list[str]()
    results = 0
    for number in range(CALLS):
        params = message(random, known, waiting) if random.random() < 0.95 else random_json(random, 3)
        body: JsonValue = {
            "jsonrpc": random.choice(("2.0",) * 20 + ("1.0",)),
            "id": random.choice((1, "a", None, 1.5)),
            "method": random.choice(METHODS),
            "params": params,
        }
        body = body if random.random() < 0.98 else random_json(random, 3)
        call = await answer_to(app, f"/a2a/{random.choice(MODELS)}", body)
        assert is_right(call), (number, body, call.status, call.body)
        assert SECRET.encode() not in call.body
        assert b"-32603" not in call.body, (number, body, call.body)
        for told in call.chunks or [call.json]:
            note(told, known, waiting)
            results += "result" in told
    assert results > CALLS / 10
    assert len(app.state.serving.active) == app.state.serving.slots.active == 0


async def test_no_call_of_mcp_is_a_fault_of_the_server() -> None:
    pytest.importorskip("mcp", reason="the environment of openai 2 has no MCP SDK")
    app, random, answers = application(), Random("mcp"), 0
    headers = {"accept": "application/json, text/event-stream", "mcp-protocol-version": "2026-07-28"}
    meta: JsonObject = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    for number in range(CALLS // 8):
        method = random.choice(("tools/call",) * 5 + ("tools/list", "x"))
        arguments: JsonValue = {"query": "a" * random.randrange(5), "conversation": "c"}
        name = random.choice(MODELS)
        params: JsonObject = {"name": name, "arguments": arguments, "_meta": {**meta}}
        if random.random() < 0.3:
            params[random.choice([*params])] = random.choice((*ODD, {"query": random_json(random, 2)}))
        body: JsonValue = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        body = body if random.random() < 0.98 else random_json(random, 3)
        call = await answer_to(app, "/mcp", body, headers={**headers, "mcp-method": method, "mcp-name": name})
        assert call.status < 500, (number, body, call.status, call.body)
        assert SECRET.encode() not in call.body
        answers += b'"result"' in call.body
    assert answers > CALLS / 32
    assert len(app.state.serving.active) == app.state.serving.slots.active == 0
