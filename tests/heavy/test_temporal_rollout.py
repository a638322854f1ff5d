"""Deployments of new workers on Temporal, as docs/temporal.md says: runs that were open before go on after them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from lightagent import LightFlow
from lightagent.adapters.engines.temporal.connection import Place
from lightagent.adapters.engines.temporal.engine import TemporalEngine
from lightagent.flow_worker import FlowWorker
from tests.servers.temporal_server import TemporalServer


@pytest.fixture
def engine(temporal: TemporalServer) -> Callable[[str], TemporalEngine]:
    name = uuid4().hex[:8]
    return lambda queue: TemporalEngine(
        Place(temporal.address, "default"), task_queue=f"{name}-{queue}", prefix=f"{name}:", heartbeat=5, patience=60
    )


def letters(engine: TemporalEngine, work: Callable[[str], str] = str.upper) -> LightFlow:
    flow = LightFlow(name="letters", engine=engine).step("draft", agent=str.upper)
    flow.step("check", agent=str.upper, depends_on=["draft"], query="x", requires_approval=True)
    return flow.step("send", agent=work, depends_on=["check"], query="x")


@asynccontextmanager
async def working(flow: LightFlow) -> AsyncIterator[None]:
    """A worker, which is stopped in good order at the end."""
    worker = FlowWorker(flow, grace_seconds=1)
    task = asyncio.create_task(worker.arun())
    try:
        yield
    finally:
        worker.stop()
        await task


async def test_new_workers_go_on_with_the_runs_of_those_that_they_replace(
    engine: Callable[[str], TemporalEngine],
) -> None:
    flow = letters(engine("all"))
    async with working(letters(engine("all"))):
        assert (await flow.arun("x", run_id="r")).status == "waiting_approval"
    async with working(letters(engine("all"))):
        await flow.aapprove("r", "check")
        assert (await flow.aresume("r")).content == "X"


def changed(query: str) -> str:
    """Other work than before."""
    return f"{query} by the new code"


async def test_runs_end_on_the_queue_they_were_begun_on_while_new_ones_have_another(
    engine: Callable[[str], TemporalEngine],
) -> None:
    former, new = letters(engine("1")), letters(engine("2"), changed)
    async with working(letters(engine("1"))), working(letters(engine("2"), changed)):
        assert (await former.arun("x", run_id="old")).status == "waiting_approval"
        assert (await new.arun("x", run_id="new")).status == "waiting_approval"
        for run_id in ("old", "new"):
            await new.aapprove(run_id, "check")
        assert (await new.aresume("new")).content == "x by the new code"
        assert (await former.aresume("old")).content == "X"
