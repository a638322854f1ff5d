"""Answers in the background over a server that is killed, with the official client, and approvals over a restart."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from pathlib import Path

import openai
import pytest
from openai.types.responses import ResponseStreamEvent

from lightagent import LightAgent, serve, tool
from lightagent.adapters.chat.scripted import Reply, ScriptedModel, call_tool
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.ports.models import ChatRequest
from tests.functional.test_cli import environment
from tests.servers.child import Child, running
from tests.support.asgi_calls import answer_to, objects
from tests.support.served import served

pytestmark = pytest.mark.openai

AGENTS = """
import asyncio
from pathlib import Path

from lightagent import LightAgent
from lightagent.application.journals import hold_lease
from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.testing import ScriptedModel, call_tool

hold_lease.SECONDS = 1.0  # So long a lease outlives its process, and the test.
HERE = Path(__file__).parent


async def step(number: int) -> str:
    "Do a step."
    with (HERE / "steps").open("a") as steps:
        steps.write(f"{number}\\n")
    return f"step {number} is done"


class Model(ScriptedModel):
    async def stream(self, request):
        done = sum(message.role == "tool" for message in request.messages)
        if done == 1:  # Between the first call and the second.
            (HERE / "between").touch()
            while not (HERE / "gate").exists():
                await asyncio.sleep(0.01)
        async for delta in super().stream(request):
            yield delta


def answer(request):
    done = sum(message.role == "tool" for message in request.messages)
    if done == 2:
        return "Both steps are done."
    return AssistantMessage(f"Step {done + 1} comes now.", (call_tool("step", number=done + 1),))


helper = LightAgent(name="helper", model=Model(answer), tools=[step])
"""

SETTINGS = """
[default.journals]
kind = "sqlite"
path = {path}
[default.serve]
tools_shown = "extension"
"""


def server(folder: Path) -> contextlib.AbstractContextManager[Child]:
    command = [sys.executable, "-m", "lightagent", "serve", str(folder / "agents.py:helper"), "--port", "0"]
    command += ["--config", str(folder / "lightagent.toml")]
    plain = environment(XDG_STATE_HOME=str(folder / "state"), LIGHTAGENT_TRUST_CONFIG="1")
    return running("serve", command, log=folder / "log", start_seconds=50, stop_seconds=50, env=plain)


def told(event: ResponseStreamEvent) -> tuple[int, str, str]:
    """An event without the ids and times of its run."""
    return event.sequence_number, event.type, str(getattr(event, "delta", ""))


def until(path: Path) -> None:
    end = time.monotonic() + 50
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_client_goes_on_from_its_last_number_after_the_server_was_killed(tmp_path: Path) -> None:
    (tmp_path / "agents.py").write_text(AGENTS)
    (tmp_path / "lightagent.toml").write_text(SETTINGS.format(path=json.dumps(str(tmp_path / "store.db"))))
    had = list[ResponseStreamEvent]()
    with server(tmp_path) as child, openai.OpenAI(base_url=f"{child.url}/v1", api_key="x", max_retries=0) as client:
        stream = client.responses.create(model="helper", input="Go", background=True, stream=True)
        for event in stream:
            had.append(event)
            if event.type == "response.output_item.done":
                break
        until(tmp_path / "between")
        os.kill(child.pid, signal.SIGKILL)
    first = had[0]
    assert first.type == "response.created"
    (tmp_path / "gate").touch()
    with server(tmp_path) as child, openai.OpenAI(base_url=f"{child.url}/v1", api_key="x", max_retries=0) as client:
        rest = [*client.responses.retrieve(first.response.id, stream=True, starting_after=had[-1].sequence_number)]
        whole = [*client.responses.retrieve(first.response.id, stream=True)]
        kept = client.responses.retrieve(first.response.id)
        with client.responses.stream(response_id=first.response.id, starting_after=had[-1].sequence_number) as again:
            assert again.get_final_response().output_text == kept.output_text
        other = [*client.responses.create(model="helper", input="Go", background=True, stream=True)]
    assert [*had, *rest] == whole
    assert [event.sequence_number for event in whole] == [*range(len(whole))]
    assert [told(event) for event in whole] == [told(event) for event in other]  # As without the kill.
    assert [item.type for item in kept.output] == ["message", "mcp_call", "message", "mcp_call", "message"]
    assert kept.output_text == "Step 1 comes now.Step 2 comes now.Both steps are done."
    assert (tmp_path / "steps").read_text().split() == ["1", "2", "1", "2"]


paid = list[int]()


@tool(requires_approval=True)
def pay(amount: int) -> str:
    """Pay."""
    paid.append(amount)
    return f"Paid {amount}."


def payer(request: ChatRequest) -> Reply:
    last = request.messages[-1]
    return str(last.content) if last.role == "tool" else call_tool("pay", amount=5)


async def test_an_approval_that_responses_asked_for_is_answered_over_agui_after_a_restart(tmp_path: Path) -> None:
    pytest.importorskip("ag_ui", reason="the environment of openai 2 has no ag-ui-protocol")
    paid.clear()
    stores = [SqliteJournalStore(tmp_path / "store.db") for _ in range(2)]
    before, after = [
        serve(LightAgent(name="helper", model=ScriptedModel(payer), tools=[pay]), store=store) for store in stores
    ]
    with served(before) as base, openai.OpenAI(base_url=f"{base}/v1", api_key="x", max_retries=0) as client:
        first = client.responses.create(model="helper", input="Pay 5", background=True)
        (*_, last) = client.responses.retrieve(first.id, stream=True)
        assert last.type == "response.completed"
        (asked,) = last.response.output
        assert asked.type == "mcp_approval_request"
    yes: JsonObject = {"status": "resolved", "payload": {"approved": True}}
    resume: JsonValue = [{"interruptId": asked.id.removeprefix("mcpr_"), **yes}]
    body: JsonObject = {"threadId": "t", "runId": "r", "messages": [], "resume": resume}
    call = await answer_to(after, "/ag-ui/helper", body)
    text = "".join(str(event["delta"]) for event in call.chunks if event["type"] == "TEXT_MESSAGE_CONTENT")
    assert (text, paid) == ("Paid 5.", [5])
    kept = await answer_to(after, f"/v1/responses/{first.id}", method="GET")
    assert [item["type"] for item in objects(kept.json["output"])] == ["mcp_approval_request"]
    for store in stores:
        await store.aclose()
