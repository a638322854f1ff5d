"""A flow's run on Temporal's real server: the same record as on the engine in this process, and a history that replays.

With TEST_SAVE_HISTORY=FOLDER the histories are written there, as those of a release for the tests without a server.
"""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.worker import Replayer

from lightagent.adapters.engines.temporal.orders import workflow_id
from lightagent.adapters.engines.temporal.worker import sandbox
from lightagent.adapters.engines.temporal.workflow import FlowWorkflow
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.system import RandomIds, SystemClock
from lightagent.application.flow.local_engine import LocalEngine
from lightagent.domain.flow.projection import flow_record
from lightagent.domain.flow.record import FlowRecord
from lightagent.domain.flow.state import fold
from lightagent.domain.scopes import NO_SCOPE
from lightagent.ports.flow_engine import FlowEngine, FlowRun
from tests.servers.temporal_server import TemporalServer, temporal_server
from tests.support import replayed_agents
from tests.support.replayed_flow import RUN, play
from tests.support.working_engine import WorkingEngine


async def record(engine: FlowEngine) -> tuple[FlowRecord, list[str]]:
    """The record of the run, and what happened to each path in its order."""
    events = await engine.events(FlowRun(NO_SCOPE, RUN))
    paths = [f"{getattr(event, 'path', '')} {event.type}" for event in events]
    return replace(flow_record(fold(events)), trace_id=""), sorted(paths)


async def test_a_run_has_the_record_of_one_in_this_process_and_its_history_replays(temporal: TemporalServer) -> None:
    engine, local = WorkingEngine(temporal.address), LocalEngine(MemoryJournalStore(), SystemClock(), RandomIds())
    result = await play(engine)
    assert (result.status, result.output("paid")) == ("success", {"amount": 3})
    assert (await play(local)).content == result.content

    (there, events), (here, own_events) = await record(engine), await record(local)
    assert there == here
    assert events == own_events

    await replay(engine, RUN, "flow_run")
    await engine.aclose()


async def test_a_run_with_an_agent_has_its_calls_on_record_and_its_history_replays(temporal: TemporalServer) -> None:
    engine, local = WorkingEngine(temporal.address), LocalEngine(MemoryJournalStore(), SystemClock(), RandomIds())
    result = await replayed_agents.play(engine)
    assert (result.status, result.step("work").content, result.content) == ("success", "all done", "SIGNED")
    assert (await replayed_agents.play(local)).content == result.content
    await replay(engine, replayed_agents.RUN, "flow_agents")
    await engine.aclose()


@pytest.mark.needs("temporal")
async def test_the_workflow_that_a_long_agent_step_leaves_replays_and_so_does_the_next(tmp_path: Path) -> None:
    few = ("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=40")
    with temporal_server(tmp_path, *few) as server:
        engine = WorkingEngine(server.address)
        flow = replayed_agents.calling(engine, calls=8)
        assert (await flow.arun("go", run_id=replayed_agents.RUN)).content == "8 results"
        handle = (await engine.client()).get_workflow_handle(
            workflow_id(engine.prefix, FlowRun(NO_SCOPE, replayed_agents.RUN))
        )
        first = (await handle.describe()).raw_description.workflow_execution_info.first_run_id
        await replay(engine, replayed_agents.RUN, "flow_handed_over", first)
        await replay(engine, replayed_agents.RUN, "flow_taken_over")
        await engine.aclose()


async def replay(engine: WorkingEngine, run_id: str, name: str, link: str | None = None) -> None:
    """Replay the history of a run, and keep it where somebody asked for that.

    Args:
        link: one of the workflows of the run; None: the last.
    """
    client = await engine.client()
    ident = workflow_id(engine.prefix, FlowRun(NO_SCOPE, run_id))
    history = await client.get_workflow_handle(ident, run_id=link).fetch_history()
    await Replayer(workflows=[FlowWorkflow], workflow_runner=sandbox()).replay_workflow(history)
    if place := os.environ.get("TEST_SAVE_HISTORY"):
        await asyncio.to_thread((Path(place) / f"{name}.json").write_text, history.to_json(), encoding="utf-8")
