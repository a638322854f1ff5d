"""Traces over processes on Temporal's real server: the spans of a step are below those of the run's caller."""

from __future__ import annotations

import asyncio

import pytest

from lightagent import LightAgent, LightFlow
from lightagent.adapters.engines.temporal.codec import EncryptingCodec, PayloadCipher
from lightagent.adapters.engines.temporal.connection import Place
from lightagent.adapters.engines.temporal.engine import TemporalEngine
from lightagent.adapters.engines.temporal.payload_keys import payload_keys
from lightagent.flow_worker import FlowWorker
from lightagent.ports.flow_engine import FlowEngine
from lightagent.testing import ScriptedModel
from tests.servers.temporal_server import TemporalServer
from tests.support.recorded_spans import RecordedSpans, parent_id, span_id, trace_id


def letters(seen: RecordedSpans, engine: FlowEngine | None) -> LightFlow:
    """A flow whose telemetry goes there."""
    clerk = LightAgent(name="clerk", model=ScriptedModel(lambda request: "Hello."), telemetry=[seen.sink])
    flow = LightFlow(name="letters", telemetry=[seen.sink], engine=engine)
    flow.step("draft", agent=clerk).step("look", agent=str.upper, depends_on=["draft"])
    return flow.step("send", agent=str.upper, depends_on=["look"], requires_approval=True)


def engine_at(address: str, *, is_encrypted: bool) -> TemporalEngine:
    name = f"traces {is_encrypted}"
    codec = EncryptingCodec(PayloadCipher(payload_keys({"spring": "s" * 32})), f"{name}:") if is_encrypted else None
    place = Place(address, "default", codec=codec)
    return TemporalEngine(place, task_queue=name, prefix=f"{name}:", patience=60)


async def run_through(flow: LightFlow, seen: RecordedSpans) -> str:
    """The whole flow, called within a span of the application; returns its trace."""
    with seen.app.start_as_current_span("request"):
        result = await flow.arun("Write.", run_id="r")
    assert result.status == "waiting_approval", result.to_dict()
    await flow.aapprove("r", "send")
    assert (await flow.aresume("r")).status == "success"
    return result.trace_id


@pytest.mark.timeout(180)
@pytest.mark.parametrize("is_encrypted", [False, True], ids=["in the clear", "encrypted"])
async def test_spans_of_a_step_on_a_worker_are_below_those_of_its_caller(
    temporal: TemporalServer, is_encrypted: bool
) -> None:
    caller, worker, here = RecordedSpans(), RecordedSpans(), RecordedSpans()
    await run_through(letters(here, None), here)
    made = FlowWorker(letters(worker, engine_at(temporal.address, is_encrypted=is_encrypted)), grace_seconds=0)
    working = asyncio.create_task(made.arun())  # Outside the caller's span, as in another process.
    flow = letters(caller, engine_at(temporal.address, is_encrypted=is_encrypted))
    trace = await run_through(flow, caller)
    made.stop()
    await working

    assert [name for name, _ in caller.tree()] == ["request", "invoke_workflow letters"]
    run = caller.one("invoke_workflow letters")
    spans = [*caller.all, *worker.all]
    assert {trace_id(span) for span in spans} == {trace}
    assert caller.open == worker.open == 0
    for name in ("draft", "look", "send"):
        assert parent_id(worker.one(f"lightagent.step {name}")) == span_id(run)
    names = {span_id(span): span.name for span in spans}
    below = [(span.name, names.get(parent_id(span), "")) for span in worker.all]
    assert below == [one for one in here.tree() if one[0].startswith(("lightagent.step", "invoke_agent", "chat"))]
