"""Flows as telemetry, traces and logs see them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import pytest

pytest.importorskip("opentelemetry.sdk", reason="the environment of openai 2 has no OpenTelemetry")

from lightagent import LightAgent, LightFlow, TelemetrySink
from lightagent.domain.flow.events import FlowEvent
from lightagent.domain.origin import Origin
from lightagent.domain.runs.events import Event
from lightagent.ports.flow_telemetry import FlowSink, FlowWatch
from lightagent.ports.telemetry import RunWatch
from lightagent.testing import ScriptedModel, call_tool
from tests.support.recorded_spans import RecordedSpans, attribute, attributes, events, span_id, status, trace_id


def clerk(seen: RecordedSpans, *replies: str) -> LightAgent:
    return LightAgent(name="clerk", model=ScriptedModel(replies), telemetry=[seen.sink])


def test_a_flow_is_a_tree_of_spans_with_agents_and_flows_below_their_steps() -> None:
    seen = RecordedSpans(tags=("shop",))
    below = LightFlow(name="below").step("deep", agent=clerk(seen, "Deep."))
    flow = (
        LightFlow(name="letters", telemetry=[seen.sink])
        .step("draft", agent=clerk(seen, "Hello."))
        .step("below", agent=below, depends_on=["draft"])
    )
    result = flow.run("Write.", run_id="run", user_id="ann", tenant="acme")
    assert seen.tree() == [
        ("invoke_workflow letters", ""),
        ("lightagent.step draft", "invoke_workflow letters"),
        ("invoke_agent clerk", "lightagent.step draft"),
        ("chat scripted", "invoke_agent clerk"),
        ("lightagent.step below", "invoke_workflow letters"),
        ("invoke_workflow below", "lightagent.step below"),
        ("lightagent.step deep", "invoke_workflow below"),
        ("invoke_agent clerk", "lightagent.step deep"),
        ("chat scripted", "invoke_agent clerk"),
    ]
    assert seen.open == 0
    assert {trace_id(span) for span in seen.all} == {result.trace_id}
    assert attributes(seen.one("invoke_workflow letters")) == {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": "letters",
        "lightagent.run.id": "run",
        "lightagent.tenant": "acme",
        "lightagent.tags": ("shop",),
        "lightagent.outcome": "success",
        "user.id": "ann",
    }


def test_a_flow_that_is_called_within_a_span_is_its_child() -> None:
    seen = RecordedSpans()
    with seen.app.start_as_current_span("request") as request:
        result = LightFlow(telemetry=[seen.sink]).step("a", agent=lambda query: query).run("query")
    assert seen.tree()[1] == ("invoke_workflow flow", "request")
    assert result.trace_id == f"{request.get_span_context().trace_id:032x}"


def test_attempts_that_fail_are_spans_with_the_code_and_no_message() -> None:
    seen = RecordedSpans()

    def fail(query: str) -> str:
        raise ConnectionError("CANARY")

    LightFlow(telemetry=[seen.sink]).step("fetch", agent=fail, max_retry=2).run("query")
    tries = seen.named("lightagent.step fetch")
    assert [status(span) for span in tries] == [("ERROR", "LA-503")] * 2
    assert [attribute(span, "lightagent.step.status") for span in tries] == ["retry", "failed"]
    assert [attribute(span, "lightagent.attempt") for span in tries] == [1, 2]
    assert status(seen.one("invoke_workflow")) == ("ERROR", "LA-503")
    assert not [span for span in seen.all if "CANARY" in span.to_json()]
    (run,) = seen.points("lightagent.workflow.duration")
    assert dict(run.attributes or {}) == {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.workflow.name": "flow",
        "lightagent.outcome": "failed",
        "error.type": "LA-503",
    }
    assert sum(point.count for point in seen.points("lightagent.workflow.step.duration")) == 2


def test_a_run_that_is_resumed_is_another_span_with_a_link_to_the_first() -> None:
    seen = RecordedSpans()
    flow = LightFlow(telemetry=[seen.sink]).step("send", agent=lambda query: query, requires_approval=True)
    flow.run("query", run_id="run")
    (first,) = seen.all
    assert attribute(first, "lightagent.outcome") == "waiting_approval"
    assert status(first) == ("UNSET", "")
    assert events(first) == ["lightagent.approval.requested"]
    flow.approve("run", "send")
    flow.resume("run")
    second = seen.named("invoke_workflow")[1]
    (link,) = second.links
    assert (link.context.span_id, f"{link.context.trace_id:032x}") == (span_id(first), trace_id(first))
    assert trace_id(second) == trace_id(first)


async def test_a_run_that_is_interrupted_leaves_no_span_open() -> None:
    seen = RecordedSpans()
    begun = asyncio.Event()

    async def hang(query: str) -> None:
        begun.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(LightFlow(telemetry=[seen.sink]).step("hang", agent=hang).arun("query"))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen.open == 0
    assert attribute(seen.one("invoke_workflow"), "lightagent.outcome") == "interrupted"


class Breaking(TelemetrySink, FlowSink):
    """A sink that fails over flows."""

    def watch(self, origin: Origin, known: Sequence[Event]) -> RunWatch:
        raise AssertionError("a flow is not a run of an agent")

    def watch_flow(self, known: Sequence[FlowEvent]) -> FlowWatch:
        raise RuntimeError("broken")


def test_a_sink_that_fails_changes_nothing() -> None:
    seen = RecordedSpans()
    flow = LightFlow(telemetry=[Breaking(), seen.sink]).step("a", agent=lambda query: query)
    assert flow.run("query").success
    assert len(seen.all) == 2


def test_logs_of_a_flow_carry_its_ids_and_no_content(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "lightagent")
    seen = RecordedSpans()

    def fail(query: str) -> str:
        raise ValueError("CANARY")

    flow = (
        LightFlow(name="letters", telemetry=[seen.sink])
        .step("draft", agent=clerk(seen, "CANARY"))
        .step("fail", agent=fail, depends_on=["draft"])
    )
    result = flow.run("CANARY", run_id="run-7")
    lines = [record.getMessage() for record in caplog.records if record.name == "lightagent"]
    of_flow = [line for line in lines if line.startswith("letters ")]
    assert [line.split()[2] for line in of_flow] == ["flow_start", *["step_start", "step_end"] * 2, "flow_end"]
    assert all(result.trace_id in line for line in lines)
    assert "run-7" in of_flow[0]
    assert "run-7" in of_flow[-1]
    assert [line for line in lines if line.startswith("clerk ")]
    assert "CANARY" not in "".join(lines)


@pytest.mark.parametrize("capture", [False, True])
def test_traces_hold_content_only_where_that_is_asked_for(capture: bool) -> None:
    def lookup(word: str) -> str:
        """Look a word up."""
        return f"{word} CANARY"

    def fail(query: str) -> str:
        raise ValueError("CANARY of an error")

    model = ScriptedModel([call_tool("lookup", word="CANARY"), "CANARY"])
    agent = LightAgent(name="clerk", model=model, tools=[lookup], capture_content=capture)
    flow = LightFlow(capture_content=capture).step("draft", agent=agent).step("fail", agent=fail)
    result = flow.run("CANARY", trace=True)
    assert ("CANARY" in str(result.step("draft").trace)) is capture
    assert ("CANARY" in str(result.trace)) is capture
