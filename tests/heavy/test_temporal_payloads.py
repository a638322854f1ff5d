"""Large payloads on Temporal's real server: kept in a store by reference, so that histories stay small."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest

from lightagent import LightFlow
from lightagent.adapters.engines.temporal.large_payloads import KIND, RUN, LargePayloads
from lightagent.adapters.engines.temporal.orders import MOST_BYTES, workflow_id
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.domain.journals.streams import StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.flow_engine import FlowRun
from tests.servers.temporal_server import TemporalServer
from tests.support.working_engine import WorkingEngine

LARGE = "word " * 1_000_000
"""5 MB, of which the server takes 2 MB."""
SMALL_HISTORY = 200_000
"""Bytes of a history whose large payloads are elsewhere."""


@pytest.fixture
def store(tmp_path: Path) -> SqliteJournalStore:
    return SqliteJournalStore(tmp_path / "payloads.db")


def large_flow(engine: WorkingEngine) -> LightFlow:
    flow = LightFlow(engine=engine, name="large").step("make", agent=lambda query: LARGE)
    flow.step("count", agent=lambda query: f"{query.count('word')} words", depends_on=["make"])
    return flow.wait_for("paid", event="payment", depends_on=["count"])


async def history_bytes(engine: WorkingEngine, run: FlowRun) -> int:
    client = await engine.client()
    about = (await client.get_workflow_handle(workflow_id(engine.prefix, run)).describe()).raw_description
    return about.workflow_execution_info.history_size_bytes


async def kept(store: SqliteJournalStore, query: StreamQuery) -> list[FlowRun]:
    """The runs whose payloads are in the store, as often as they have one."""
    page = await store.list(query)
    return [FlowRun(Scope(one.key.owner.tenant, one.key.owner.user), one.labels[RUN]) for one in page.streams]


async def test_a_large_output_goes_on_by_reference(temporal: TemporalServer, store: SqliteJournalStore) -> None:
    engine, run = WorkingEngine(temporal.address, large=LargePayloads(store)), FlowRun(Scope("acme", "ann"), "r")
    flow = large_flow(engine)
    result = await flow.arun("word " * (MOST_BYTES // 4), run_id="r", tenant="acme", user_id="ann")
    assert (result.status, result.output("count")) == ("waiting", f"{MOST_BYTES // 4 + 1_000_000} words")
    before = len(await kept(store, StreamQuery(kind=KIND)))
    for _ in range(3):
        assert (await flow.aget_run("r", tenant="acme", user_id="ann")) is not None
    assert await kept(store, StreamQuery(kind=KIND)) == [run] * before, "who asks for a run stores nothing anew"
    assert await flow.asignal("r", "payment", LARGE, tenant="acme", user_id="ann")
    result = await flow.aresume("r", tenant="acme", user_id="ann")
    assert result.status == "success"
    assert [len(str(result.output(step))) for step in ("make", "paid")] == [len(LARGE)] * 2
    assert await history_bytes(engine, run) < SMALL_HISTORY
    await engine.aclose()


async def test_payloads_of_runs_that_the_server_no_longer_has_are_deleted(
    temporal: TemporalServer, store: SqliteJournalStore
) -> None:
    engine = WorkingEngine(temporal.address, large=LargePayloads(store))
    flow = LightFlow(engine=engine, name="f").step("make", agent=lambda query: "word " * 30_000)
    for run_id in ("there", "gone"):
        assert (await flow.arun("x", run_id=run_id)).status == "success"
    client, everything = await engine.client(), len((await store.list(StreamQuery(kind=KIND))).streams)
    gone = workflow_id(engine.prefix, FlowRun(Scope(), "gone"))
    await client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(
            namespace=client.namespace, workflow_execution=WorkflowExecution(workflow_id=gone)
        )
    )
    for _ in range(600):
        if await flow.aget_run("gone") is None:
            break
        await asyncio.sleep(0.1)
    assert (await engine.prune_payloads(3600)).payloads == 0, "they are new"
    assert (await engine.prune_payloads(0, dry_run=True)).payloads == everything // 2
    pruned = await engine.prune_payloads(0)
    assert (pruned.payloads, pruned.left) == (everything // 2, everything // 2)
    assert pruned.bytes > 150_000
    assert {one.run_id for one in await kept(store, StreamQuery(kind=KIND))} == {"there"}
    assert await flow.aget_run("there") is not None
    await engine.aclose()
