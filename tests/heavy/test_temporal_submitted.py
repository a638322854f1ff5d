"""Runs of agents that are submitted to a real Temporal server: workers that die, and people in other processes."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from pathlib import Path

import pytest
from pydantic import BaseModel

from lightagent import ConfigurationError, LightAgent, tool
from lightagent.adapters.engines.temporal.connection import Place
from lightagent.adapters.engines.temporal.engine import TemporalEngine
from lightagent.testing import ScriptedModel, call_tool
from tests.heavy.test_temporal_agents import Case, keep_working
from tests.servers.temporal_server import TemporalServer
from tests.support.agents_on_workers import CALLS, NUMBERS, clerk_on, done
from tests.support.working_engine import WorkingEngine

DIED = 9
FILE = Path(__file__).parents[1] / "support/agents_on_workers.py"
IN_PYTHON = """
import sys
from lightagent import load_settings, open_app
from tests.support.agents_on_workers import clerk_on

with open_app(load_settings(sys.argv[1])) as app:
    clerk_on(app.flows.engine).run_handle(sys.argv[2], user_id="ann").approve(actor="bob")
"""


@pytest.mark.needs("temporal")
@pytest.mark.timeout(180)
async def test_a_submitted_run_survives_its_worker_and_is_approved_elsewhere(
    temporal: TemporalServer, tmp_path: Path
) -> None:
    case = Case(0, "clerk", "tool clerk_note 3")
    engine = TemporalEngine(Place(temporal.address, "default"), task_queue=case.queue, heartbeat=5, patience=90)
    workers = asyncio.create_task(keep_working(case, tmp_path, temporal.address))
    try:
        clerk = clerk_on(engine)
        handle = await clerk.asubmit("go", run_id="letter-7", user_id="ann")
        for number in NUMBERS:
            waiting = await handle.aresult()
            assert (waiting.outcome.kind, await handle.astatus()) == ("suspended", "suspended")
            (call,) = await handle.awaiting_calls()
            assert call["arguments"] == {"number": number}
            await approve_elsewhere(tmp_path, by_command=bool(number % 2))
        result = await clerk.run_handle("letter-7", user_id="ann").aresult()
    finally:
        workers.cancel()
        statuses = await workers
    calls = done(tmp_path / "calls")
    assert (result.unwrap(), statuses) == ("clerk had 4 results", [DIED]), (result, calls)
    begun = Counter(what for what, state in calls if state == "begins")
    assert set(begun.values()) == {1}, "what has finished is not done again; what was under way is unknown"
    assert [call.status for call in result.tool_calls].count("ok") == len(NUMBERS) - 1
    with pytest.raises(ConfigurationError):
        await clerk.run_handle("letter-7").astatus()  # It is ann's.
    await engine.aclose()


class Answer(BaseModel):
    total: int


@pytest.mark.needs("temporal")
async def test_the_result_has_the_type_of_the_agent_and_what_is_wrong_is_said(temporal: TemporalServer) -> None:
    @tool
    async def add(left: int, right: int) -> int:
        """Add.

        Args:
            left: a number
            right: another one
        """
        return left + right

    engine = WorkingEngine(temporal.address)
    model = ScriptedModel([call_tool("add", left=2, right=3), '{"total": 5}'])
    adder = LightAgent(name="adder", model=model, tools=[add], output_type=Answer, engine=engine)
    handle = await adder.asubmit("2 and 3")
    kinds = [event.type async for event in handle.astream_events()]
    assert kinds == ["tool_call", "tool_result", "content", "done"]
    assert (await handle.aresult()).unwrap().total == 5
    assert await handle.astatus() == "completed"
    with pytest.raises(ConfigurationError, match="No flow run 'another' is stored"):
        await adder.run_handle("another").aresult()
    stranger = LightAgent(name="stranger", model=ScriptedModel([]), engine=engine)
    with pytest.raises(ConfigurationError, match="not one of the agent 'stranger'"):
        await stranger.run_handle(handle.run_id).aresult()
    absent = TemporalEngine(engine.place, task_queue="none of these", patience=0)
    with pytest.raises(ConfigurationError, match="No worker has the flow 'adder'"):
        await LightAgent(name="adder", model=ScriptedModel([]), engine=absent).asubmit("2 and 3")
    await absent.aclose()
    await engine.aclose()


@pytest.mark.needs("temporal")
async def test_a_submitted_run_is_cancelled_and_its_id_is_taken_until_then(temporal: TemporalServer) -> None:
    @tool(requires_approval=True)
    def send() -> str:
        """Send."""
        return "sent"

    engine = WorkingEngine(temporal.address)
    clerk = LightAgent(name="clerk", model=ScriptedModel([call_tool("send")]), tools=[send], engine=engine)
    handle = await clerk.asubmit("go", run_id="r")
    with pytest.raises(ConfigurationError, match="The run 'r' is there, and it is not over"):
        await clerk.asubmit("go", run_id="r")
    assert (await handle.aresult()).outcome.kind == "suspended"
    await handle.acancel("enough")
    result = await handle.aresult()
    assert (result.outcome.kind, await handle.astatus()) == ("cancelled", "cancelled")
    await engine.aclose()


async def approve_elsewhere(folder: Path, *, by_command: bool) -> None:
    """Approve the call that waits in another process."""
    config = str(folder / "lightagent.toml")
    command = [sys.executable, "-c", IN_PYTHON, config, "letter-7"]
    if by_command:
        command = [sys.executable, "-m", "lightagent", "flow", "approve", f"{FILE}:clerk", "letter-7"]
        command += ["--user", "ann", "--config", config]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env={**os.environ, CALLS: "unused"}
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()


@pytest.mark.needs("temporal")
async def test_each_of_two_calls_that_wait_is_decided_by_its_id(temporal: TemporalServer) -> None:
    @tool(requires_approval=True)
    async def send(text: str) -> str:
        """Send.

        Args:
            text: what is sent
        """
        await asyncio.sleep(0.5)
        return f"sent {text}"

    engine = WorkingEngine(temporal.address)
    model = ScriptedModel([[call_tool("send", text="a"), call_tool("send", text="b")], "done"])
    clerk = LightAgent(name="clerk", model=model, tools=[send], engine=engine)
    handle = await clerk.asubmit("send both")
    assert (await handle.aresult()).outcome.kind == "suspended"
    first, second = await handle.awaiting_calls()
    await handle.aapprove(str(first["id"]))
    decisions = [handle.areject("not to her", str(second["id"])) for _ in range(3)]
    refused = [one for one in await asyncio.gather(*decisions, return_exceptions=True) if one is not None]
    # One that comes later finds the call decided, and so none that waits.
    assert [type(one).__name__ in ("Refused", "ConfigurationError") for one in refused] == [True] * 2, refused
    result = await handle.aresult()
    assert [(call.status, call.output) for call in result.tool_calls] == [
        ("ok", "sent a"),
        ("rejected", "A human reviewer rejected this call. not to her"),
    ], result
    assert result.unwrap() == "done"
    await engine.aclose()
