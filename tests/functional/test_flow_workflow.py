"""The seed's flow as a Temporal workflow: its machine in the sandbox, its steps as activities, a decision as an update.

Only a sketch of the adapter, which shows that the port and the machine are fit for it. No server takes part.
"""

from __future__ import annotations

import pytest

pytest.importorskip("temporalio", reason="the environment of openai 2 has no temporalio")

from lightagent import ApprovalDecision, LightAgent, LightFlow, LightFlowResult
from lightagent.application.flow.flow_codec import flow_event_text
from lightagent.application.flow.flow_step import definition_of
from lightagent.application.flow.show_flow import flow_result
from lightagent.domain.flow.events import FlowStarted, StepApprovalDecided
from lightagent.domain.flow.state import fold
from lightagent.testing import ScriptedModel
from tests.support import flow_workflow
from tests.support.flow_workflow import FlowWorkflow, carry_out
from tests.support.sandbox_run import SandboxRun


def seeds_flow() -> LightFlow:
    """That of the seed, with a step that fails once and one that a person is asked about."""
    failures = [ConnectionError("the site is down")]

    def publish(query: str) -> str:
        if failures:
            raise failures.pop()
        return f"published: {query}"

    researcher = LightAgent(name="researcher", model=ScriptedModel(["They sell tea."]))
    writer = LightAgent(name="writer", model=ScriptedModel(["A tea company."]))
    return (
        LightFlow(name="report")
        .step("research", agent=researcher, timeout=30)
        .step("write", agent=writer, depends_on=["research"], max_retry=2)
        .step("publish", agent=publish, depends_on=["write"], max_retry=2, requires_approval=True)
    )


def result_of(told: list[str]) -> LightFlowResult:
    events = [flow_workflow.read(event) for event in told]
    return flow_result(fold(events), events)


def decision(epoch: int = 1) -> str:
    edited = ApprovalDecision.edit({"query": "Print it."}, actor="ann")
    return flow_event_text(StepApprovalDecided("publish", epoch, edited))


async def test_the_seeds_flow_runs_as_a_workflow_in_the_sandbox() -> None:
    flow = seeds_flow()
    flow_workflow.declared["report"] = flow
    run = SandboxRun(FlowWorkflow, {"carry_out": carry_out})
    started = FlowStarted("report-001", definition_of("report", flow.steps), "Analyze this company.")
    await run.begin(flow_event_text(started))
    assert run.result is None, "it went on without a person"

    assert "epoch" in await run.update("say", decision(epoch=7)), "the validator has let through what cannot be"
    assert await run.update("say", decision()) == ""
    assert run.result is not None
    result = result_of(run.result)
    assert (result.status, result.content) == ("success", "published: Print it.")
    assert [(step.name, step.attempts) for step in result.steps] == [("research", 1), ("write", 1), ("publish", 2)]


async def test_the_record_is_that_of_the_engine_in_this_process() -> None:
    flow_workflow.declared["report"] = seeds_flow()
    run = SandboxRun(FlowWorkflow, {"carry_out": carry_out})
    definition = definition_of("report", seeds_flow().steps)
    await run.begin(flow_event_text(FlowStarted("report-001", definition, "Analyze this company.")))
    await run.update("say", decision())
    assert run.result is not None

    here = seeds_flow()
    await here.arun("Analyze this company.", run_id="report-001")
    await here.aapprove("report-001", "publish", ApprovalDecision.edit({"query": "Print it."}, actor="ann"))
    assert untimed(await here.aresume("report-001")) == untimed(result_of(run.result))


def untimed(result: LightFlowResult) -> list[tuple[object, ...]]:
    return [
        (step.name, step.status, step.output, step.attempts, step.input_summary, step.approval_decision)
        for step in result.steps
    ]
