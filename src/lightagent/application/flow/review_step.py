"""Has the hooks of a flow review the queries and the results of its steps."""

from __future__ import annotations

from dataclasses import replace

from lightagent.application.flow.active_flow import ActiveFlow, Report
from lightagent.application.flow.flow_gate import Forbidden
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.output_form import as_json
from lightagent.application.flow.step_queries import seen_from
from lightagent.application.flow.step_result import error_dict
from lightagent.application.flow.value_sizes import check_size
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import LightAgentError
from lightagent.domain.flow.events import AttemptFailed, AttemptFinished, AttemptStarted, FlowEvent
from lightagent.domain.flow.moves import AskHuman, Do
from lightagent.domain.flow.outputs import StepOutput
from lightagent.domain.json_copies import same_json
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.policy.flow_payloads import FlowResultPayload, FlowStepPayload
from lightagent.domain.policy.phases import Passed


async def review_query(
    flow: ActiveFlow, move: Do | AskHuman, step: LightFlowStep, query: str
) -> Passed[FlowStepPayload] | Forbidden:
    """The hooks' verdict on a query, which they may change or forbid."""
    if flow.gate is None or not flow.gate.reviews("flow_step"):
        return Passed(FlowStepPayload(query, {}, flow.state.run_id))
    seen = seen_from(flow, move)
    outputs: dict[str, JsonValue] = {**seen.outputs}
    steps: dict[str, JsonValue] = {name: result.to_dict() for name, result in seen.steps.items()}
    context: JsonObject = {"input": seen.input, "outputs": outputs, "steps": steps}
    payload = FlowStepPayload(query, context, flow.state.run_id)
    return await flow.gate.review("flow_step", flow.state, move.path, payload, step.work.name)


async def review_attempt(flow: ActiveFlow, move: Do, query: str) -> None:
    """Review the query of an attempt; then begin the attempt, or fail it."""
    verdict = await review_query(flow, move, flow.step_at(move.path, move.step.work), query)
    if isinstance(verdict, Passed):
        if flow.gate is not None:
            flow.gate.let_pass(move.path, move.epoch, verdict.decisions)
        flow.report(Report(moves=(replace(move, query=verdict.payload.query),)))
        return
    name, now = flow.state.key_of(move), flow.clock.now()
    begun = AttemptStarted(move.path, move.epoch, move.attempt, name, None, verdict.decisions, at=now)
    failed = AttemptFailed(move.path, move.epoch, move.attempt, verdict.error, at=now)
    flow.report(Report((begun, failed)))


async def reviewed_end(flow: ActiveFlow, move: Do, step: LightFlowStep, end: FlowEvent) -> FlowEvent:
    """How an attempt ended, after the hooks reviewed it. An attempt that will be retried is not reviewed."""
    gate = flow.gate
    if gate is None or not gate.reviews("flow_step_result"):
        return end
    payload: FlowResultPayload | None = None
    match end:
        case AttemptFinished(output=output):
            payload = FlowResultPayload(output.value, _result(flow, move, output, None), flow.state.run_id)
        case AttemptFailed(then="fail"):
            payload = FlowResultPayload(None, _result(flow, move, StepOutput(), end), flow.state.run_id)
        case _:
            return end
    verdict = await gate.review("flow_step_result", flow.state, move.path, payload, step.work.name)
    if isinstance(verdict, Forbidden):
        return AttemptFailed(
            move.path, move.epoch, move.attempt, verdict.error, decisions=verdict.decisions, at=flow.clock.now()
        )
    if not isinstance(end, AttemptFinished):
        return replace(end, decisions=verdict.decisions)
    return _with_output(flow, move, step, replace(end, decisions=verdict.decisions), verdict.payload.output)


def _with_output(flow: ActiveFlow, move: Do, step: LightFlowStep, end: AttemptFinished, value: JsonValue) -> FlowEvent:
    """The end with the output that the hooks left, which is checked as the step's own was."""
    if same_json(value, end.output.value):
        return end
    try:
        kept = as_json(value, move.path) if step.output is None else step.output.keep(value, move.path)
        check_size(kept, flow.state.started.limits.max_value, move.path, "output")
    except LightAgentError as error:
        text = f"What the hooks made of the result of {move.path} does not fit. {error.message}"
        info = LightAgentErrorInfo("LA-HOOK", text, "Change the hook.")
        return AttemptFailed(move.path, move.epoch, move.attempt, info, decisions=end.decisions, at=end.at)
    return replace(end, output=StepOutput(kept, end.output.artifacts))


def _result(flow: ActiveFlow, move: Do, output: StepOutput, failed: AttemptFailed | None) -> JsonObject:
    """What is known of a step whose attempt has just ended."""
    return {
        "name": move.step.name,
        "path": move.path,
        "content": output.text,
        "status": "success" if failed is None else "failed",
        "error": None if failed is None else error_dict(failed.error),
        "attempts": move.attempt,
        "used_fallback": move.fallback,
    }
