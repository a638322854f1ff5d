"""Agents as steps of flows on Temporal, whose worker dies in the middle: no finished call is made again."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count, product
from pathlib import Path

import pytest
from temporalio.client import Client

from lightagent import LightAgent, LightFlow, Limits, tool
from lightagent.adapters.engines.temporal.connection import Place
from lightagent.adapters.engines.temporal.engine import TemporalEngine
from lightagent.adapters.engines.temporal.orders import SETTLE, workflow_id
from lightagent.application.flow.step_result import LightFlowResult
from lightagent.domain.conversation.messages import ToolCall, ToolMessage
from lightagent.domain.flow.events import AttemptStarted, AttemptStopped
from lightagent.domain.scopes import Scope
from lightagent.ports.flow_engine import FlowRun
from lightagent.ports.models import ChatRequest
from lightagent.testing import ScriptedModel, call_tool
from tests.servers.temporal_server import TemporalServer, temporal_server
from tests.support.agents_on_workers import CALLS, DEATHS, KINDS, NUMBERS, declared, done
from tests.support.working_engine import WorkingEngine

DIED = 9
KILLS = int(os.environ.get("TEST_TEMPORAL_KILLS", "8"))
"""`make soak` has 100."""
AT_ONCE = 8
FILE = Path(__file__).parents[1] / "support/agents_on_workers.py"
WORKERS = {"plain": "plain", "nested": "inner", "handoff": "back", "approval": "approval"}
"""The agent of each flow that calls tools."""


@dataclass(frozen=True)
class Case:
    """A run of a flow whose worker dies once."""

    number: int
    kind: str
    point: str

    @property
    def queue(self) -> str:
        return f"case-{self.number}"


def cases() -> Iterator[Case]:
    """For each kind of flow, at each model call and within each tool call after the first."""
    points = [(kind, what, turn) for turn, what, kind in product((2, 3, 4), ("model", "tool"), KINDS)]
    for number in range(KILLS):
        kind, what, turn = points[number % len(points)]
        agent = WORKERS[kind]
        yield Case(number, kind, f"model {agent} {turn}" if what == "model" else f"tool {agent}_note {turn}")


@pytest.mark.needs("temporal")
@pytest.mark.timeout(120 + 20 * KILLS)
async def test_no_finished_call_of_an_agent_is_made_again(temporal: TemporalServer, tmp_path: Path) -> None:
    room = asyncio.Semaphore(AT_ONCE)

    async def carried_out(case: Case) -> None:
        folder = tmp_path / case.queue
        folder.mkdir()
        async with room:
            await check(case, folder, temporal.address)

    async with asyncio.TaskGroup() as group:
        for case in cases():
            group.create_task(carried_out(case))


@pytest.mark.timeout(240)
async def test_the_history_of_a_long_conversation_is_small(temporal: TemporalServer) -> None:
    """200 calls whose results have 5 kB, after a query of 100,000 tokens; the server ends a workflow at 50 MB."""
    calls, result = 200, "word " * 1000

    @tool
    def look(number: int) -> str:
        """Look a number up.

        Args:
            number: the number
        """
        return result

    def reply(request: ChatRequest) -> str | ToolCall:
        results = sum(isinstance(message, ToolMessage) for message in request.messages)
        return call_tool("look", number=results) if results < calls else f"{results} results"

    engine = WorkingEngine(temporal.address)
    agent = LightAgent(
        model=ScriptedModel(reply, record=False), tools=[look], limits=Limits(max_tool_iterations=calls + 1)
    )
    flow = LightFlow(engine=engine, name="long").step("work", agent=agent)
    assert (await flow.arun("word " * 100_000, run_id="r")).content == "200 results"
    client = await Client.connect(temporal.address)
    workflows = [workflow async for workflow in client.list_workflows()]
    (workflow,) = [one for one in workflows if one.id.endswith("/r") and one.task_queue.endswith("/long")]
    about = (await client.get_workflow_handle(workflow.id).describe()).raw_description.workflow_execution_info
    assert about.history_size_bytes < 10_000_000
    assert about.history_length < 15 * calls
    await engine.aclose()


@pytest.mark.needs("temporal")
@pytest.mark.timeout(120)
@pytest.mark.parametrize("query", ["go", "word " * 60_000], ids=["small", "beyond one payload"])
async def test_a_run_ends_right_where_its_history_is_long_and_an_agent_is_at_work(tmp_path: Path, query: str) -> None:
    """A step that is ready waits for a new workflow, or goes on in this one where the record fits into none."""

    @tool
    async def look(number: int) -> str:
        """Look a number up.

        Args:
            number: the number
        """
        await asyncio.sleep(0.05)
        return "word " * 1000

    def agent(calls: int) -> LightAgent:
        def reply(request: ChatRequest) -> str | ToolCall:
            results = sum(isinstance(message, ToolMessage) for message in request.messages)
            return call_tool("look", number=results) if results < calls else f"{results} results"

        limits = Limits(max_tool_iterations=calls + 1)
        return LightAgent(model=ScriptedModel(reply, record=False), tools=[look], limits=limits)

    with temporal_server(tmp_path, "--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=60") as server:
        engine = WorkingEngine(server.address)
        flow = LightFlow(engine=engine, name="long").step("quick", agent=agent(8)).step("slow", agent=agent(70))
        flow.step("after", agent=lambda query: "done", depends_on=["quick"], query="it")
        flow.step("last", agent=lambda query: "all done", depends_on=["after", "slow"], query="it")
        result = await flow.arun(query, run_id="r")
        assert (result.status, result.content) == ("success", "all done"), result.to_dict()
        client = await Client.connect(server.address)
        settled = workflows = 0
        async for workflow in client.list_workflows():
            workflows += 1
            handle = client.get_workflow_handle(workflow.id, run_id=workflow.run_id)
            async for event in handle.fetch_history_events():
                accepted = event.workflow_execution_update_accepted_event_attributes
                settled += accepted.accepted_request.input.name == SETTLE
        assert 1 <= settled < workflows + 10, "the caller waits, and does not ask again and again"
        await engine.aclose()


@pytest.mark.needs("temporal")
@pytest.mark.timeout(240)
async def test_a_long_step_goes_on_in_other_workflows_and_no_finished_call_is_made_again(tmp_path: Path) -> None:
    """The server suggests another workflow after so few events that an agent's step takes several; workers die."""
    few = ("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=25")
    with temporal_server(tmp_path, *few) as server:
        number = count(1)
        cases = [
            Case(next(number), kind, f"tool {WORKERS[kind]}_note {turn}")
            for kind, turn in (("plain", 2), ("plain", 4), ("nested", 3), ("handoff", 3))
        ]

        async def carried_out(case: Case) -> None:
            folder = tmp_path / case.queue
            folder.mkdir()
            await check(case, folder, server.address)
            client = await Client.connect(server.address)
            handle = client.get_workflow_handle(workflow_id("", FlowRun(Scope(), case.queue)))
            about = (await handle.describe()).raw_description.workflow_execution_info
            assert about.first_run_id != about.execution.run_id, (case, "it went on in another workflow")

        async with asyncio.TaskGroup() as group:
            for case in cases:
                group.create_task(carried_out(case))


async def check(case: Case, folder: Path, address: str) -> None:
    """Carry out the run of a case, and look at what was done."""
    engine = TemporalEngine(Place(address, "default"), task_queue=case.queue, heartbeat=5, patience=90)
    workers = asyncio.create_task(keep_working(case, folder, address))
    try:
        result = await to_the_end(case, engine)
    finally:
        workers.cancel()
        statuses = await workers
    calls = done(folder / "calls")
    assert (result.status, statuses) == ("success", [DIED]), (case, result.to_dict(), calls)
    begun = Counter(what for what, state in calls if state == "begins")
    ended = Counter(what for what, state in calls if state == "ends")
    in_a_tool = case.point.startswith("tool")
    # A request is made again. The effect of a call that was interrupted is unknown: the model is told so.
    assert begun.pop(case.point) == (1 if in_a_tool else 2), (case, calls)
    assert set(begun.values()) == set(ended.values()) == {1}, (case, calls)
    assert len(ended) == (3 if case.kind == "handoff" else 4) - in_a_tool, (case, calls)
    events = await engine.events(FlowRun(Scope(), case.queue))
    begun_anew = sum(isinstance(event, AttemptStarted) for event in events) - 1
    left = sum(isinstance(event, AttemptStopped) for event in events)
    assert begun_anew == left + 1 + (len(NUMBERS) if case.kind == "approval" else 0), "also after a death and decisions"
    await engine.aclose()


async def to_the_end(case: Case, engine: TemporalEngine) -> LightFlowResult:
    """Run the flow; a person approves each call that waits."""
    flow = declared(case.kind, engine)
    result = await flow.arun("go", run_id=case.queue)
    while result.status == "waiting_approval":
        await flow.aapprove(case.queue, "work", True)
        result = await flow.aresume(case.queue)
    return result


async def keep_working(case: Case, folder: Path, address: str) -> Sequence[int]:
    """Have one worker process at a time, another one whenever it has died; returns how those ended that died."""
    config = folder / "lightagent.toml"
    config.write_text(
        f'[default.flow.engine]\nkind = "temporal"\naddress = "{address}"\nheartbeat = 5\ntask_queue = "{case.queue}"\n'
    )
    command = [sys.executable, "-m", "lightagent", "worker", f"{FILE}:{case.kind}", "--config", str(config)]
    settings = {**os.environ, CALLS: str(folder / "calls"), DEATHS: case.point}
    died: list[int] = []
    while True:
        with (folder / f"worker{len(died)}.log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                *command, "--engine", "temporal", "--grace", "1", stdout=log, stderr=log, env=settings
            )
        try:
            died.append(await process.wait())
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            return died
