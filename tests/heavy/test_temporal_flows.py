"""What may happen to a flow on Temporal's real server, and what its users are told then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from temporalio.client import WorkflowExecutionStatus

from lightagent import LightFlow
from lightagent.adapters.engines.temporal.connection import Place
from lightagent.adapters.engines.temporal.engine import TemporalEngine
from lightagent.adapters.engines.temporal.orders import INLINE_BYTES, MOST_BYTES, workflow_id
from lightagent.application.flow.engine_flows import EngineFlows
from lightagent.application.flow.step_context import StepContext
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.events import AttemptStarted, AttemptStopped
from lightagent.domain.flow.retrying import Backoff, RetryPolicy
from lightagent.domain.scopes import NO_SCOPE, Scope
from lightagent.flow_worker import FlowWorker
from lightagent.ports.engine_workers import EngineWorkerLimits
from lightagent.ports.flow_engine import FlowRun
from tests.servers.temporal_server import TemporalServer, temporal_server
from tests.support.working_engine import WorkingEngine

RUN = FlowRun(NO_SCOPE, "r")


@pytest.fixture
async def engine(temporal: TemporalServer) -> AsyncIterator[WorkingEngine]:
    made = WorkingEngine(temporal.address)
    yield made
    await made.aclose()


def same(query: str) -> str:
    return query


async def test_a_namespace_that_is_not_there_is_named_with_what_makes_it(temporal: TemporalServer) -> None:
    engine = TemporalEngine(Place(temporal.address, "nowhere"))
    flow = LightFlow(engine=engine, name="f").step("a", agent=same)
    with pytest.raises(ConfigurationError, match="no namespace 'nowhere'") as told:
        await flow.arun("x")
    assert "temporal operator namespace create --namespace nowhere" in told.value.guidance
    with pytest.raises(ConfigurationError, match="no namespace"):
        await flow.aget_run("r")


async def test_without_a_worker_that_has_the_flow_no_run_is_begun(temporal: TemporalServer) -> None:
    engine = TemporalEngine(Place(temporal.address, "default"), task_queue="nobody", prefix="nobody:", patience=0)
    flow = LightFlow(engine=engine, name="lonely").step("a", agent=same)
    with pytest.raises(ConfigurationError, match=r"No worker has the flow 'lonely'.*'nobody/lonely'"):
        await flow.arun("x", run_id="r")
    assert await flow.aget_run("r") is None


async def test_what_is_too_large_is_refused_by_name_and_size(engine: WorkingEngine) -> None:
    flow = LightFlow(engine=engine, name="f").step("a", agent=lambda query: "x" * (MOST_BYTES + 1))
    with pytest.raises(ConfigurationError, match="of which its input has"):
        await flow.arun("x" * MOST_BYTES, run_id="large")
    assert await flow.aget_run("large") is None
    result = await flow.arun("x", run_id="r")
    assert result.status == "failed"
    error = result.step("a").error
    assert error is not None
    assert "The output of the step 'a' has" in error.message
    assert error.details is not None
    assert (error.details["step"], error.details["field"]) == ("a", "output")
    waiting = LightFlow(engine=engine, name="w").wait_for("paid", event="payment")
    await waiting.arun("x", run_id="w")
    with pytest.raises(ConfigurationError, match="is told has"):
        await waiting.asignal("w", "payment", "x" * MOST_BYTES)


async def test_a_long_past_is_asked_for_and_not_sent_with_every_step(engine: WorkingEngine) -> None:
    flow = LightFlow(engine=engine, name="f")
    flow.step("s0", agent=lambda query: "x" * 3 * INLINE_BYTES)
    for number in range(1, 6):
        flow.step(f"s{number}", agent=lambda query: str(len(query)), depends_on=["s0"])
    result = await flow.arun("go", run_id="r")
    assert result.status == "success"
    assert int(result.step("s5").content) > 3 * INLINE_BYTES
    client = await engine.client()
    history = await client.get_workflow_handle(workflow_id(engine.prefix, RUN)).fetch_history()
    sent = [event.activity_task_scheduled_event_attributes.input.ByteSize() for event in history.events]
    assert max(sent) < 2 * INLINE_BYTES


async def test_a_step_that_is_under_way_is_stopped_by_a_cancellation(engine: WorkingEngine) -> None:
    began, stopped = asyncio.Event(), asyncio.Event()

    async def work(query: str) -> str:
        began.set()
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            stopped.set()
            raise
        return "done"

    flow = LightFlow(engine=engine, name="f").step("a", agent=work)
    run = asyncio.create_task(flow.arun("x", run_id="r"))
    await began.wait()
    await flow.acancel("r", reason="enough")
    result = await run
    assert stopped.is_set()
    assert result.status == "cancelled"
    assert [event.type for event in await engine.events(RUN)] == [
        "flow_started",
        "attempt_started",
        "cancel_requested",
        "attempt_stopped",
        "flow_finished",
    ]


async def test_a_workflow_that_is_cancelled_in_temporals_own_tools_is_a_cancelled_run(engine: WorkingEngine) -> None:
    flow = LightFlow(engine=engine, name="f").wait_for("paid", event="payment")
    await flow.arun("x", run_id="r")
    client = await engine.client()
    await client.get_workflow_handle(workflow_id(engine.prefix, RUN)).cancel()
    async with asyncio.timeout(30):
        async for glimpse in flow.awatch("r"):
            if glimpse.status == "cancelled":
                break
    assert (await flow.aresume("r")).status == "waiting"


async def test_a_workflow_that_was_terminated_goes_on_from_what_is_on_record(engine: WorkingEngine) -> None:
    flow = LightFlow(engine=engine, name="f").step("a", agent=same)
    flow.wait_for("paid", event="payment", depends_on=["a"])
    await flow.arun("x", run_id="r")
    client = await engine.client()
    await client.get_workflow_handle(workflow_id(engine.prefix, RUN)).terminate()
    assert await flow.asignal("r", "payment", 3)
    result = await flow.aresume("r")
    assert (result.status, result.output("paid")) == ("success", 3)
    assert result.step("a").attempts == 1


async def test_a_worker_that_is_stopped_leaves_its_step_to_another_in_good_order(temporal: TemporalServer) -> None:
    engine = TemporalEngine(Place(temporal.address, "default"), task_queue="drain", prefix="drain:", heartbeat=10)
    began, calls = asyncio.Event(), list[int]()

    async def work(query: str, context: StepContext) -> str:
        calls.append(context.attempt)
        began.set()
        await asyncio.sleep(600 if len(calls) == 1 else 0)
        return "done"

    flow = LightFlow(engine=engine, name="f").step("a", agent=work)
    runs = flow.parts.runs
    assert isinstance(runs, EngineFlows)
    first = engine.worker([runs.code(flow.declared)], EngineWorkerLimits(grace=0))
    working = asyncio.create_task(first.work())
    run = asyncio.create_task(flow.arun("x", run_id="r"))
    await began.wait()
    first.stop()
    await working
    second = engine.worker([runs.code(flow.declared)], EngineWorkerLimits(grace=0))
    working = asyncio.create_task(second.work())
    assert (await run).content == "done"
    assert calls == [1, 1], "it keeps its number"
    kinds = [type(event) for event in await engine.events(RUN)]
    assert (kinds.count(AttemptStarted), kinds.count(AttemptStopped)) == (2, 1)
    second.stop()
    await working
    await engine.aclose()


async def test_a_run_is_found_by_its_tenant_user_flow_and_status(engine: WorkingEngine) -> None:
    flow = LightFlow(engine=engine, name=f"found {engine.prefix}").wait_for("paid", event="payment")
    owner = Scope("ac/me", "ann")
    await flow.arun("x", run_id="first", tenant="ac/me", user_id="ann")
    await flow.arun("x", run_id="r", tenant="ac/me", user_id="ann")
    client = await engine.client()
    query = "LightagentTenant = 'ac/me' AND LightagentUser = 'ann' AND LightagentStatus = 'waiting'"
    query += f" AND LightagentFlow = '{flow.name}'"
    async with asyncio.timeout(30):
        found = list[str]()
        while workflow_id(engine.prefix, FlowRun(owner, "r")) not in found:
            found = [one.id async for one in client.list_workflows(query)]
    listed = await flow.alist_runs(tenant="ac/me", user_id="ann")
    assert {str(run["run_id"]) for run in listed} == {"first", "r"}


def changed(engine: TemporalEngine, first: Callable[[str], str]) -> LightFlow:
    """A flow whose first step does this; the second waits for a person."""
    flow = LightFlow(engine=engine, name="f").step("first", agent=first)
    return flow.step("second", agent=same, depends_on=["first"], query="it", requires_approval=True)


def one(query: str) -> str:
    return "one"


def other(query: str) -> str:
    return "other"


async def test_a_worker_with_other_code_holds_a_run_until_that_is_accepted(engine: WorkingEngine) -> None:
    worked, caller = changed(engine, one), TemporalEngine(engine.place, task_queue=engine.queue, prefix=engine.prefix)
    await worked.arun("x", run_id="r")
    engine.work_on(changed(engine, other))
    asking = changed(caller, one)
    await asking.aapprove("r", "second")
    with pytest.raises(ConfigurationError, match=r"No worker may go on with the run 'r'.*first"):
        await asking.aresume("r")
    result = await changed(engine, other).aresume("r", accept=["first"])
    assert (result.status, result.step("first").content, result.content) == ("success", "one", "it")
    await caller.aclose()


async def test_a_worker_is_told_that_its_namespace_is_not_there(temporal: TemporalServer) -> None:
    engine = TemporalEngine(Place(temporal.address, "nowhere"))
    flow = LightFlow(engine=engine, name="f").step("a", agent=same)
    async with asyncio.timeout(60):
        with pytest.raises(ConfigurationError, match="no namespace 'nowhere'"):
            await FlowWorker(flow).arun()


async def test_a_long_run_continues_as_a_new_workflow(tmp_path: Path) -> None:
    """The server suggests it after so many events of a history, here after far fewer than by default."""
    few = ("--dynamic-config-value", "limit.historyCount.suggestContinueAsNew=40")
    with temporal_server(tmp_path, *few) as server:
        engine = WorkingEngine(server.address)
        flow = LightFlow(engine=engine, name="f")
        flow.loop("often", agent=lambda query, context: f"{context.round}", rounds=12)
        flow.step("send", agent=same, depends_on=["often"], query="it", requires_approval=True)
        waiting = await flow.arun("x", run_id="r")
        assert (waiting.status, waiting.step("often").status) == ("waiting_approval", "success"), waiting.to_dict()
        await flow.aapprove("r", "send")
        assert (await flow.aresume("r")).content == "it"
        client = await engine.client()
        ident = workflow_id(engine.prefix, RUN)
        there = [one.status async for one in client.list_workflows(f"WorkflowId = '{ident}'")]
        assert there.count(WorkflowExecutionStatus.CONTINUED_AS_NEW) >= 1
        await engine.aclose()


async def test_a_moment_that_nobody_waits_for_any_more_holds_no_run_up(engine: WorkingEngine) -> None:
    """An event that came in time ends its wait, and a cancelled run waits for nothing."""

    def fails(query: str) -> str:
        raise ConnectionError("not yet")

    paid = LightFlow(engine=engine, name="paid").wait_for("paid", event="payment", timeout=3600)
    slow = LightFlow(engine=engine, name="slow").sleep("rest", 3600)
    slow.step("again", agent=fails, retry=RetryPolicy(3, backoff=Backoff(first=3600, longest=3600)))
    waiting = [asyncio.create_task(flow.arun("x", run_id=flow.name)) for flow in (paid, slow)]
    async with asyncio.timeout(60):
        async for glimpse in paid.awatch("paid"):
            if glimpse.record.steps[0].status == "running":
                break
        async for glimpse in slow.awatch("slow"):
            if glimpse.record.steps[1].attempts == 1:
                break
        await paid.asignal("paid", "payment", 3)
        await slow.acancel("slow")
        first, second = await asyncio.gather(*waiting)
    assert (first.status, second.status) == ("success", "cancelled")


async def test_a_query_that_is_too_large_fails_its_step(engine: WorkingEngine) -> None:
    flow = LightFlow(engine=engine, name="f")
    flow.step("a", agent=same, query=lambda context: "x" * (MOST_BYTES + 1))
    result = await flow.arun("x", run_id="r")
    error = result.step("a").error
    assert error is not None
    assert "The query of the step 'a' has" in error.message
