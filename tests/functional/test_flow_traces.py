"""The trace of a flow: its own lines, those of its agents as its children, and no content that nobody asked for."""

from __future__ import annotations

from lightagent import ApprovalDecision, LightAgent, LightFlow, StepContext, TraceRecorder
from lightagent.testing import ManualClock, ScriptedModel, SequentialIds


async def test_the_lines_of_a_flow() -> None:
    clock = ManualClock()

    def shaky(query: str, context: StepContext) -> str:
        clock.advance(0.25)
        if context.attempt == 1:
            raise ValueError("not now")
        return "secret answer"

    flow = LightFlow(name="report", clock=clock, ids=SequentialIds()).step("draft", agent=shaky, max_retry=2)
    flow.step("sign", agent=shaky, depends_on=["draft"], requires_approval=True)
    waiting = await flow.arun(
        "secret question", run_id="r", trace=True, parent_trace_id="outer", run_group_id="group", user_id="ann"
    )
    await flow.aapprove("r", "sign", ApprovalDecision.respond("signed", "fine", actor="bob"), user_id="ann")
    result = await flow.aresume("r", trace=True, user_id="ann")
    assert [event.type for event in waiting.trace] == [
        *("flow_start", "step_start", "step_end", "step_start", "step_end", "approval_pending", "flow_end")
    ]
    assert [event.type for event in result.trace[:-2]] == [event.type for event in waiting.trace]
    assert [event.type for event in result.trace[-2:]] == ["approval_respond", "flow_end"]
    assert {event.trace_id for event in result.trace} == {result.trace_id}
    assert {(event.parent_trace_id, event.run_group_id) for event in result.trace} == {("outer", "group")}
    ends = [event.data for event in result.trace if event.type == "step_end"]
    assert [(end["status"], end["success"], end["attempt"], end["duration_ms"]) for end in ends] == [
        ("retry", False, 1, 250.0),
        ("success", True, 2, 500.0),
    ]
    assert result.trace[-2].data["actor"] == "bob"
    assert "secret" not in str(result.trace)
    draft = result.step("draft")
    assert (draft.started_at, draft.duration_ms, draft.input_summary) == (1_700_000_000.0, 500.0, "secret question")


async def test_the_traces_of_agents_are_children_of_the_flows() -> None:
    agent = LightAgent(name="writer", model=ScriptedModel(["one", "two"]))
    inner = LightFlow(name="inner").step("x", agent=agent)
    flow = LightFlow().step("a", agent=agent).step("b", agent=inner, depends_on=["a"])
    result = await flow.arun("x", run_id="r", trace=True)
    trace = result.step("a").trace
    assert [event.type for event in trace] == ["run_start", "model_request", "model_response", "run_end"]
    assert {(event.parent_trace_id, event.run_group_id) for event in trace} == {(result.trace_id, "r")}
    inside = result.step("b").trace
    assert [event.type for event in inside] == ["flow_start", "step_start", "step_end", "flow_end"]
    assert {event.parent_trace_id for event in inside} == {result.trace_id}
    untraced = await flow.aresume("r")
    assert (untraced.trace, untraced.step("a").trace) == ([], [])
    again = await flow.aresume("r", trace=True)
    assert again.step("a").trace == trace, "it is on record"


async def test_a_recorder_sees_flows_and_agents_as_they_go_on() -> None:
    recorder = TraceRecorder(enabled=True)
    agent = LightAgent(name="writer", model=ScriptedModel(["one"]), telemetry=[recorder])
    inner = LightFlow(name="inner").step("x", agent=agent)
    flow = LightFlow(telemetry=[recorder]).step("outer", agent=inner)
    flow.step("sign", agent=str.upper, depends_on=["outer"], requires_approval=True)
    await flow.arun("secret", run_id="r")
    of_flow = ["flow_start", "step_start", "step_end", "flow_end"]
    of_agent = ["run_start", "model_request", "model_response", "run_end"]
    assert [event.type for event in recorder.events] == [
        *(*of_flow[:2], *of_flow[:2], *of_agent, *of_flow[2:]),
        *("step_end", "approval_pending", "flow_end"),
    ]
    assert len({event.trace_id for event in recorder.take()}) == 3
    await flow.aapprove("r", "sign", ApprovalDecision.respond("signed", "fine", actor="bob"))
    await flow.aresume("r")
    assert [event.type for event in recorder.events][-1] == "flow_end"
    assert "flow_start" not in [event.type for event in recorder.events], "what was seen before is not told again"
    assert "secret" not in str(recorder.events)
