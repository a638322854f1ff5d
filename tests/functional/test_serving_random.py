"""Random requests to every address of a server: each is answered as the protocol says, and none is its fault."""

from __future__ import annotations

import json
import os
from pathlib import Path
from random import Random

import pytest

from lightagent import LightAgent, LightFlow, serve, tool
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.ports.models import ChatRequest
from lightagent.settings.sections.serve import ServeSettings
from tests.support.random_calls import Answered, RandomCall, answer_of, random_call

REQUESTS = int(os.environ.get("TEST_SERVING_REQUESTS", "2000"))
IN_FILES = REQUESTS // 10
SETTINGS = ServeSettings(chat_approvals=True, tools_shown="extension", runs=10)
SECRET = "the server's secret"


@tool(requires_approval=True)
def pay(amount: int) -> str:
    """Pay."""
    return f"Paid {amount}."


def answer(request: ChatRequest) -> Reply:
    """Calls the client's function or the agent's own, fails, or says something, by what was said last."""
    said = str(request.messages[-1].content)
    if request.messages[-1].role != "user":
        return "Well."
    if "weather" in [one.name for one in request.tools] and len(said) % 3 == 0:
        return call_tool("weather", city="Rome")
    if "pay" in [one.name for one in request.tools] and len(said) % 3 == 1:
        return call_tool("pay", amount=1)
    return "Well."


def letters(query: str) -> str:
    return f"Dear {query}"


def check(number: int, call: RandomCall, answered: Answered, known: list[str]) -> None:
    """Raise unless the answer is one that its protocol has for the request."""
    at = (number, call, answered)
    assert answered.status < 500 or (call.path == "/readyz" and answered.status == 503), at
    assert b"Traceback" not in answered.body, at
    assert SECRET.encode() not in answered.body, at
    assert not any("\n" in value or "\r" in value for value in answered.headers.values()), at
    if call.method == "HEAD":
        return
    if answered.headers.get("content-type", "").startswith("text/event-stream"):
        assert answered.body.endswith(b"\n\n"), at
        return
    if not answered.body:
        assert answered.status in (202, 204), at
        return
    told = json.loads(answered.body)
    if call.path.startswith(("/a2a", "/mcp")):
        return  # Their errors are those of JSON-RPC, and of A2A.
    if answered.status >= 400:
        error = told["error"]
        assert str(error["code"]).startswith("LA-"), at
        assert len(str(error["message"])) < 700, at
        assert answered.headers["x-should-retry"] in ("true", "false"), at
    elif told.get("object") == "response":
        known.append(told["id"])
        del known[:-20]


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_no_request_is_a_fault_of_the_server(kind: str, tmp_path: Path) -> None:
    store = MemoryJournalStore() if kind == "memory" else SqliteJournalStore(tmp_path / "runs.db")
    model = ScriptedModel(answer, record=False)
    agent = LightAgent(name="helper", model=model, tools=[pay], instructions=SECRET)
    flow = LightFlow(name="letters").step("write", agent=letters)
    app = serve([agent], flows=[flow], store=store, settings=SETTINGS)
    random, known, statuses = Random(kind), list[str](), list[int]()
    for number in range(REQUESTS if kind == "memory" else IN_FILES):
        call = random_call(random, known)
        answered = await answer_of(app, call)
        check(number, call, answered, known)
        statuses.append(answered.status)
    assert statuses.count(200) > len(statuses) / 10  # Else the others were refused before anything could happen.
    assert len(app.state.serving.active) == app.state.serving.slots.active == 0
