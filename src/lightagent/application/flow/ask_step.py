"""What code of a step is asked that has no effect, and what a handler of approvals decides."""

from __future__ import annotations

from lightagent.application.flow.active_flow import ActiveFlow, Report
from lightagent.application.flow.flow_gate import Forbidden
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.review_step import review_query
from lightagent.application.flow.step_errors import told
from lightagent.application.flow.step_queries import made_query, plain_query, seen_from
from lightagent.application.foreign_code import FAILURES, failure
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.events import Answered, FlowEvent, StepApprovalDecided, StepApprovalRequested
from lightagent.domain.flow.moves import Ask, AskHuman
from lightagent.domain.json_types import JsonValue
from lightagent.domain.policy import ApprovalPayload, Decision
from lightagent.domain.review import ApprovalDecision
from lightagent.domain.review_answers import read_review_answer
from lightagent.domain.review_requests import request_id_of
from lightagent.domain.rulings import Unreadable


async def ask_step(flow: ActiveFlow, move: Ask) -> None:
    """Ask code, and report what it says; what it raises is a failure of the step."""
    answer: JsonValue = None
    error: LightAgentErrorInfo | None = None
    try:
        answer = await _answer(flow, move)
    except FAILURES as raised:
        error = told(failure(raised))
    now = flow.clock.now()
    flow.report(Report((Answered(move.path, move.epoch, move.question, answer, error, at=now),)))


async def _answer(flow: ActiveFlow, move: Ask) -> JsonValue:
    step = flow.step_at(move.path, move.step.work)
    if move.question == "when" and step.cancel_if is not None:
        return not await step.cancel_if.call(*(seen_from(flow, move),)[: step.cancel_if.wants])
    raise ConfigurationError(
        f"The step {move.path!r:.100} is to be asked {move.question!r}, and declares no code for that.",
        guidance="Go on with the flow that the run was begun with.",
    )


async def ask_person(flow: ActiveFlow, move: AskHuman) -> None:
    """Put on record that a person is asked, with what the step's handler decides at once, where it has one."""
    step = flow.step_at(move.path, move.step.work)
    try:
        query = plain_query(flow, move, step)
        if query is None and step.query is not None:
            query = await made_query(flow, move, step.query)
    except FAILURES as raised:
        # Nobody can decide about what cannot be asked. The attempt will say what is wrong.
        flow.report(Report(_unasked(flow, move, failure(raised))))
        return
    verdict = await _reviewed(flow, move, step, query)
    if isinstance(verdict, Forbidden):
        flow.report(Report(_forbidden(flow, move, verdict)))
        return
    query, decisions = verdict
    request_id = request_id_of(flow.state.run_id, move.path, move.epoch, move.about)
    now = flow.clock.now()
    approvers = move.step.approvers
    events: list[FlowEvent] = [
        StepApprovalRequested(move.path, move.epoch, request_id, move.about, query, approvers, None, decisions, at=now)
    ]
    decision = await _handled(flow, move, step)
    if decision is not None:
        events.append(StepApprovalDecided(move.path, move.epoch, decision, request_id, at=flow.clock.now()))
    flow.report(Report(events))


async def _reviewed(
    flow: ActiveFlow, move: AskHuman, step: LightFlowStep, query: str | None
) -> tuple[str | None, tuple[Decision, ...]] | Forbidden:
    """What a person is asked about, after the hooks: first what the step would be asked, then that a person is."""
    gate = flow.gate
    if gate is None:
        return query, ()
    decisions: tuple[Decision, ...] = ()
    if move.about == "run" and move.step.kind == "task" and query is not None:
        verdict = await review_query(flow, move, step, query)
        if isinstance(verdict, Forbidden):
            return verdict
        query, decisions = verdict.payload.query, verdict.decisions
        gate.let_pass(move.path, move.epoch, ())
    asked = ApprovalPayload(f"The step {move.step.name} needs approval.", {"about": move.about, "query": query})
    told = await gate.review("approval", flow.state, move.path, asked, step.work.name)
    if isinstance(told, Forbidden):
        return Forbidden(told.error, (*decisions, *told.decisions))
    return query, (*decisions, *told.decisions)


def _forbidden(flow: ActiveFlow, move: AskHuman, verdict: Forbidden) -> list[FlowEvent]:
    """The step has failed, since a hook forbids it, or that a person is asked about it."""
    if flow.gate is not None:
        flow.gate.forget(move.path, move.epoch)
    request_id = request_id_of(flow.state.run_id, move.path, move.epoch, move.about)
    now, decisions, approvers = flow.clock.now(), verdict.decisions, move.step.approvers
    by = next((one.by for one in reversed(decisions) if one.action in ("block", "error")), "policy")
    return [
        StepApprovalRequested(move.path, move.epoch, request_id, move.about, None, approvers, None, decisions, at=now),
        StepApprovalDecided(
            move.path,
            move.epoch,
            ApprovalDecision.reject(verdict.error.message, actor=by),
            request_id,
            error=verdict.error,
            at=now,
        ),
    ]


async def _handled(flow: ActiveFlow, move: AskHuman, step: LightFlowStep) -> ApprovalDecision | None:
    """What the step's handler decides; None where it leaves it to a person.

    One that fails, or answers what is no decision, decides nothing: only what says yes is a yes.
    """
    handler = step.approval_handler
    if handler is None or move.about != "run":
        return None
    try:
        answer = await handler.call(step, seen_from(flow, move))
    except FAILURES as raised:
        failure(raised)
        return None
    if answer is None:
        return None
    read = read_review_answer(answer, handler.name)
    return None if isinstance(read, Unreadable) else read


async def ask_again(flow: ActiveFlow, move: AskHuman, request_id: str) -> None:
    """Ask the handler of a step that waits for a person once more: it may know by now."""
    decision = await _handled(flow, move, flow.step_at(move.path, move.step.work))
    if decision is not None:
        decided = StepApprovalDecided(move.path, move.epoch, decision, request_id, at=flow.clock.now())
        flow.report(Report((decided,)))


def _unasked(flow: ActiveFlow, move: AskHuman, error: Exception) -> list[FlowEvent]:
    """The step is declined, since its query cannot be made."""
    request_id = request_id_of(flow.state.run_id, move.path, move.epoch, move.about)
    now, reason = flow.clock.now(), told(error).message
    decision = ApprovalDecision.reject(f"Its query could not be made: {reason}", actor="query")
    return [
        StepApprovalRequested(move.path, move.epoch, request_id, move.about, None, move.step.approvers, at=now),
        StepApprovalDecided(move.path, move.epoch, decision, request_id, at=now),
    ]
