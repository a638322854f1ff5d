"""Spans of flows on an engine: the same tree as in this process, made by those who have each part of the run."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from opentelemetry.sdk.trace import ReadableSpan

from lightagent import LightAgent, LightFlow
from lightagent.domain.flow.events import FlowEvent, FlowStarted
from lightagent.ports.flow_engine import FlowCode, FlowEngine
from lightagent.testing import ScriptedModel
from tests.support.folding_engine import FoldingEngine
from tests.support.recorded_spans import RecordedSpans, attributes, status, trace_id


def fails(query: str) -> str:
    raise ConnectionError("not now")


def letters(seen: RecordedSpans, engine: FlowEngine | None) -> LightFlow:
    clerk = LightAgent(name="clerk", model=ScriptedModel(lambda request: "Hello."), telemetry=[seen.sink])
    below = LightFlow(name="below").step("deep", agent=clerk)
    flow = LightFlow(name="letters", telemetry=[seen.sink], engine=engine)
    flow.step("draft", agent=clerk).step("below", agent=below, depends_on=["draft"])
    return flow.step("send", agent=fails, depends_on=["below"])


def lasting(span: ReadableSpan) -> dict[str, object]:
    """The attributes of a span that are the same in each run."""
    return {name: value for name, value in attributes(span).items() if not name.endswith("trace_id")}


async def test_the_tree_of_spans_is_the_same_on_an_engine() -> None:
    trees = list[object]()
    for engine in (None, FoldingEngine()):
        seen = RecordedSpans()
        with seen.app.start_as_current_span("request"):
            result = await letters(seen, engine).arun("Write.", run_id="run", tenant="acme")
        assert result.status == "failed"
        assert {trace_id(span) for span in seen.all} == {result.trace_id}
        assert seen.open == 0
        steps = [span for span in seen.all if span.name.startswith(("lightagent.step", "invoke_workflow"))]
        trees.append((seen.tree(), [(span.name, lasting(span), status(span)) for span in steps]))
    assert trees[0] == trees[1]


async def test_a_caller_that_is_cancelled_leaves_a_run_that_was_interrupted() -> None:
    class Slow(FoldingEngine):
        async def begin(self, flow: FlowCode, started: FlowStarted) -> Sequence[FlowEvent]:
            await asyncio.sleep(600)
            return ()

    seen = RecordedSpans()
    run = asyncio.create_task(letters(seen, Slow()).arun("Write."))
    await asyncio.sleep(0)
    run.cancel()
    await asyncio.wait((run,))
    assert attributes(seen.one("invoke_workflow letters"))["lightagent.outcome"] == "interrupted"
    assert seen.open == 0
