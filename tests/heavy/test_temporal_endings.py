"""Programs with work on Temporal that end in the middle of it: soon, quietly, and with nothing lost."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from lightagent import LightFlow
from lightagent.adapters.engines.temporal.connection import Place
from lightagent.adapters.engines.temporal.engine import TemporalEngine
from lightagent.domain.flow.events import AttemptStarted, AttemptStopped
from lightagent.domain.scopes import NO_SCOPE
from lightagent.flow_worker import FlowWorker
from lightagent.ports.flow_engine import FlowRun
from tests.servers.temporal_server import TemporalServer

CALLS = 30
PROGRAM = Path(__file__).parents[1] / "support/ending_in_the_middle.py"


@pytest.mark.timeout(240)
async def test_a_program_that_ends_with_calls_in_flight_hands_them_back(temporal: TemporalServer) -> None:
    settings = {**os.environ, "CALLS": str(CALLS), "ADDRESS": temporal.address}
    program = await asyncio.create_subprocess_exec(sys.executable, str(PROGRAM), stdout=PIPE, stderr=PIPE, env=settings)
    told, errors = await asyncio.wait_for(program.communicate(), 120)
    ended = float(told.split()[-1])
    assert time.time() - ended < 20, "the program hung at its end"
    assert (program.returncode, errors.decode()) == (3, "")

    engine = TemporalEngine(Place(temporal.address, "default"), task_queue="ending", prefix="ending:", heartbeat=5)
    flow = LightFlow(engine=engine, name="f").step("a", agent=str.upper)
    worker = FlowWorker(flow, grace_seconds=0)
    working = asyncio.create_task(worker.arun())
    runs = [f"r{number}" for number in range(CALLS)]
    results = await asyncio.gather(*(flow.aresume(run, accept=["a"]) for run in runs))
    assert {(result.status, result.content) for result in results} == {("success", "X")}
    for run in runs:
        kinds = [type(event) for event in await engine.events(FlowRun(NO_SCOPE, run))]
        assert (kinds.count(AttemptStarted), kinds.count(AttemptStopped)) == (2, 1), kinds
    worker.stop()
    await working
    await engine.aclose()
