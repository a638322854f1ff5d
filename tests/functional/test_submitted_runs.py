"""Runs of agents that are submitted to an engine in this process; `tests/heavy/test_temporal_submitted.py` has one."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from operator import methodcaller
from pathlib import Path

import pytest
from pydantic import BaseModel

from lightagent import (
    ApprovalDecision,
    ConfigurationError,
    FlowWorker,
    JsonLightFlowStore,
    LightAgent,
    LightAgentError,
    LightFlow,
    ProviderError,
    RunContext,
    open_app,
    tool,
)
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.application.flow.submitted_stream import SubmittedStream
from lightagent.domain.flow.events import AttemptStarted, FlowEvent, FlowFinished
from lightagent.ports.flow_engine import FlowEngine
from lightagent.ports.journals import JournalStore
from lightagent.ports.tools import Tool
from lightagent.settings import load_settings
from lightagent.testing import Reply, ScriptedModel, call_tool
from tests.support.command_line import call_lightagent
from tests.support.folding_engine import FoldingEngine


class Total(BaseModel):
    total: int


@tool
def add(left: int, right: int) -> int:
    """Add.

    Args:
        left: a number
        right: another one
    """
    return left + right


@tool(requires_approval=True)
def send(text: str) -> str:
    """Send.

    Args:
        text: what is sent
    """
    return f"sent {text}"


def clerk(
    engine: FlowEngine | JournalStore | None, *replies: Reply, tools: tuple[Tool[None], ...] = (send,)
) -> LightAgent:
    return LightAgent(name="clerk", model=ScriptedModel(list(replies)), tools=tools, engine=engine)


def sender(engine: FlowEngine | JournalStore | None) -> LightAgent:
    return clerk(engine, call_tool("send", text="a"), call_tool("send", text="b"), "all is sent")


@pytest.fixture(params=["memory", "folding"])
def engine(request: pytest.FixtureRequest) -> FlowEngine | JournalStore:
    return MemoryJournalStore() if request.param == "memory" else FoldingEngine()


async def test_the_result_of_a_submitted_run_has_the_type_of_the_agent(engine: FlowEngine | JournalStore) -> None:
    model = ScriptedModel([call_tool("add", left=2, right=3), '{"total": 5}'])
    agent = LightAgent(name="adder", model=model, tools=[add], output_type=Total, engine=engine)
    handle = await agent.asubmit("2 and 3")
    result = await handle.aresult()
    assert (result.unwrap(), await handle.astatus()) == (Total(total=5), "completed")
    assert [call.output for call in result.tool_calls] == ["5"]
    again = agent.run_handle(handle.run_id)
    assert (await again.aresult()).unwrap() == Total(total=5)
    assert len(model.requests) == 2, "asking for a result calls no model"
    assert [event.type async for event in again.astream_events()] == ["tool_call", "tool_result", "content", "done"]


async def test_calls_that_wait_are_decided_by_the_id_of_the_run() -> None:
    engine = MemoryJournalStore()
    agent = clerk(engine, [call_tool("send", text="a"), call_tool("send", text="b")], "all is sent")
    handle = await agent.asubmit("send both", run_id="r")
    suspended = await handle.aresult()
    assert (suspended.outcome.kind, await handle.astatus()) == ("suspended", "suspended")
    first, second = await agent.run_handle("r").awaiting_calls()
    assert (first["tool"], first["arguments"]) == ("send", {"text": "a"})
    with pytest.raises(ConfigurationError):
        await handle.aapprove()  # Of which of the two?
    await handle.areject("not to her", str(first["id"]), actor="bob")
    await handle.adecide(ApprovalDecision.edit({"text": "c"}), str(second["id"]))
    result = await handle.aresult()
    assert [(call.status, call.output) for call in result.tool_calls] == [
        ("rejected", "A human reviewer rejected this call. not to her"),
        ("ok", "sent c"),
    ]
    assert result.unwrap() == "all is sent"
    assert await handle.awaiting_calls() == []
    with pytest.raises(LightAgentError):
        await handle.aapprove()


async def test_a_run_in_this_process_goes_on_by_itself_once_a_call_is_approved() -> None:
    sent = asyncio.Event()

    @tool(requires_approval=True)
    def send_it() -> str:
        """Send."""
        sent.set()
        return "sent"

    handle = await clerk(MemoryJournalStore(), call_tool("send_it"), "done", tools=(send_it,)).asubmit("go")
    await handle.aresult()
    await handle.aapprove()
    await asyncio.wait_for(sent.wait(), 20)
    assert (await handle.aresult()).unwrap() == "done"


async def test_a_failed_run_has_its_error_in_the_result_and_is_not_revived(engine: FlowEngine | JournalStore) -> None:
    model = ScriptedModel([ProviderError("no route")])
    agent = LightAgent(name="clerk", model=model, engine=engine)
    handle = await agent.asubmit("go")
    result = await handle.aresult()
    calls = len(model.requests)
    assert (result.outcome.kind, await handle.astatus()) == ("failed", "failed")
    assert result.error is not None
    assert (await handle.aresult()).error == result.error
    assert len(model.requests) == calls
    assert [event.type async for event in handle.astream_events()][-2:] == ["error", "done"]


async def test_a_cancelled_run_ends_and_its_id_is_taken_until_then() -> None:
    engine = MemoryJournalStore()
    agent = sender(engine)
    handle = await agent.asubmit("go", run_id="r", user_id="ann")
    assert (await handle.aresult()).outcome.kind == "suspended"
    with pytest.raises(ConfigurationError, match="not over"):
        await agent.asubmit("go", run_id="r", user_id="ann")
    await handle.acancel("enough")
    result = await handle.aresult()
    assert (result.outcome.kind, await handle.astatus()) == ("cancelled", "cancelled")
    assert [event.type async for event in handle.astream_events()] == ["approval_required", "done", "done"]
    with pytest.raises(ConfigurationError):
        await agent.run_handle("r").astatus()  # It is ann's.


async def test_what_is_wrong_is_said_before_anything_runs(engine: FlowEngine | JournalStore) -> None:
    agent = clerk(engine, "done")
    with pytest.raises(ConfigurationError, match="The agent has no engine"):
        await clerk(None, "done").asubmit("go")
    with pytest.raises(ConfigurationError, match="The agent has no name"):
        await LightAgent(model=ScriptedModel(["done"]), engine=engine).asubmit("go")
    with pytest.raises(ConfigurationError, match="No flow run 'r' is stored here"):
        await agent.run_handle("r").aresult()
    handle = await agent.asubmit("go", run_id="r")
    await handle.aresult()
    other = LightAgent(name="other", model=ScriptedModel([]), engine=engine)
    with pytest.raises(ConfigurationError, match="'r' is not one of the agent 'other', but of 'clerk'"):
        await other.run_handle("r").astatus()
    make: Callable[..., LightAgent] = LightAgent
    with pytest.raises(ConfigurationError, match="engine: expected an object with begin"):
        await make(name="clerk", model=ScriptedModel([]), engine="temporal").asubmit("go")


def test_an_agent_with_dependencies_is_refused() -> None:
    @tool
    def look(context: RunContext[int]) -> str:
        """Look."""
        return str(context.deps)

    agent = LightAgent(name="clerk", model=ScriptedModel([]), deps_type=int, tools=[look], engine=FoldingEngine())
    with pytest.raises(ConfigurationError, match="deps_type"):
        methodcaller("submit", "go")(agent)


def test_synchronous_programs_submit_too(tmp_path: Path) -> None:
    agent = sender(JsonLightFlowStore(tmp_path / "runs"))
    handle = agent.submit("send both", run_id="r")
    assert repr(handle) == "RunHandle('r', agent='clerk')"
    assert handle.result().outcome.kind == "suspended"
    assert len(handle.waiting_calls()) == 1
    handle.approve(actor="bob")
    assert [event.type for event in handle.stream_events()][-2:] == ["approval_required", "done"]
    handle.reject("enough")
    assert handle.result().unwrap() == "all is sent"
    assert handle.status() == "completed"


def test_a_worker_goes_on_with_a_run_that_another_process_has_left(tmp_path: Path) -> None:
    store, begun = JsonLightFlowStore(tmp_path / "runs"), threading.Event()

    @tool
    async def wait(seconds: int) -> str:
        """Wait.

        Args:
            seconds: how long
        """
        begun.set()
        await asyncio.sleep(seconds)
        return "waited"

    async def leave() -> None:
        agent = clerk(store, call_tool("wait", seconds=600), tools=(wait,))
        await agent.asubmit("wait", run_id="r")
        await asyncio.to_thread(begun.wait, 20)

    asyncio.run(leave())  # The loop ends, and with it what it carried out.
    other = clerk(store, "it was interrupted", tools=(wait,))
    FlowWorker(other.as_flow()).run(once=True)
    assert other.run_handle("r").result().unwrap() == "it was interrupted"


AGENTS = """
from lightagent import LightAgent, tool
from lightagent.testing import ScriptedModel, call_tool

@tool(requires_approval=True)
def send(text: str) -> str:
    '''Send.

    Args:
        text: what is sent
    '''
    return f"sent {text}"

model = ScriptedModel(lambda request: "done" if len(request.messages) > 2 else call_tool("send", text="a"))
clerk = LightAgent(name="clerk", model=model, tools=[send])
"""


def test_the_commands_of_flows_take_an_agent_and_its_settings(tmp_path: Path) -> None:
    (tmp_path / "agents.py").write_text(AGENTS)
    (tmp_path / "lightagent.toml").write_text(
        f'[default.flow]\nstore = {{ kind = "files", directory = "{tmp_path}/runs" }}\n'
    )
    with open_app(load_settings(tmp_path / "lightagent.toml")) as app:
        agent = app.agent(name="clerk", model=ScriptedModel([call_tool("send", text="a"), "done"]), tools=[send])
        handle = agent.submit("go", run_id="r")
        assert handle.result().outcome.kind == "suspended"

    def flow(*arguments: str) -> str:
        done = call_lightagent(
            "flow", *arguments, "--config", "lightagent.toml", folder=tmp_path, variables={"HOME": str(tmp_path)}
        )
        assert done.returncode in (0, 3), done
        return done.stdout

    assert "r · waiting_approval" in flow("list", "agents.py:clerk")
    assert '"text": "a"' in flow("approve", "agents.py:clerk", "r", "--as", "bob")
    assert flow("resume", "agents.py:clerk", "r") == "done\n"
    shown = json.loads(flow("show", "agents.py:clerk", "r", "--json"))
    assert (shown["flow"], shown["status"], shown["content"]) == ("clerk", "success", "done")


def test_an_attempt_that_begins_anew_is_marked_in_the_stream() -> None:
    begun = AttemptStarted("agent", 0, 1, "r/agent")
    events: list[FlowEvent] = [begun, begun, FlowFinished("failed")]
    stream = SubmittedStream()
    shown = [event for one in events for event in stream.feed(one)]
    assert [event.type for event in shown] == ["note", "error", "done"]
    assert shown[0].data == {"kind": "restart", "attempt": 1}


def test_a_flow_is_not_taken_for_an_agent(tmp_path: Path) -> None:
    store = JsonLightFlowStore(tmp_path / "runs")
    LightFlow(store=store, name="clerk").step("write", agent=lambda query: "done").run("go", run_id="r")
    with pytest.raises(ConfigurationError, match="not one of the agent"):
        clerk(store, "done").run_handle("r").status()
