"""Asks people about steps: through the review service, or by a step's handler that decides at once."""

from __future__ import annotations

from contextlib import suppress

from lightagent.application.flow.active_flow import ActiveFlow, Report
from lightagent.application.flow.answer_questions import proposed_steps
from lightagent.application.flow.flow_gate import Forbidden
from lightagent.application.flow.flow_reviews import Asking, step_request_id
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.review_step import review_query
from lightagent.application.flow.step_errors import error_info_of
from lightagent.application.flow.step_queries import made_query, plain_query, seen_from
from lightagent.application.foreign_code import FAILURES, failure
from lightagent.domain.errors import StoreError
from lightagent.domain.flow.events import FlowEvent, StepApprovalDecided, StepApprovalRequested
from lightagent.domain.flow.moves import AskHuman
from lightagent.domain.flow.nodes import Node
from lightagent.domain.json_types import JsonValue
from lightagent.domain.policy.phases import ApprovalPayload, Decision
from lightagent.domain.policy.rulings import Unreadable
from lightagent.domain.review.answers import read_review_answer
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.review.log import Review


async def ask_person(flow: ActiveFlow, move: AskHuman) -> None:
    """Put the request for an approval on record, with the decision of the step's handler, if it decides at once."""
    step = flow.step_at(move.path, move.step.work)
    try:
        query: str | None = await _shown(flow, move, step)
    except FAILURES as raised:
        # Without a query there is nothing to show to a reviewer; the attempt reports the failure.
        flow.report(Report(_declined_without_query(flow, move, failure(raised))))
        return
    verdict = await _reviewed(flow, move, step, query)
    if isinstance(verdict, Forbidden):
        flow.report(Report(_forbidden(flow, move, verdict)))
        return
    query, decisions, reason = verdict
    asking = Asking(
        *(move.path, move.epoch, move.about, query, reason, step.work.name, move.step.approvers),
        step.approval_timeout,
    )
    review = await ask_review(flow, asking)
    request_id = request_of(flow, move, query) if review is None else review.request.request_id
    now, approvers = flow.clock.now(), asking.approvers
    expires = None if review is None else review.request.expires_at
    if flow.reviews is None and step.approval_timeout is not None:
        expires = now + step.approval_timeout
    events: list[FlowEvent] = [
        StepApprovalRequested(
            move.path, move.epoch, request_id, move.about, query, approvers, expires, decisions, at=now
        )
    ]
    decision = await _decided_at_once(flow, move, step, review)
    if decision is not None:
        events.append(StepApprovalDecided(move.path, move.epoch, decision, request_id, at=flow.clock.now()))
    flow.report(Report(events))


def shown_of(node: Node) -> JsonValue:
    """What a person is shown of a step: its query, or the result or the steps that are asked about."""
    if node.subject == "result":
        return "" if node.output is None else node.output.text
    if node.subject == "growth":
        return "\n".join(f"{one.name} ({one.work}): {one.query}" for one in proposed_steps(node.proposed))
    return node.query


async def _shown(flow: ActiveFlow, move: AskHuman, step: LightFlowStep) -> str:
    """The same for a step whose approval has not been requested yet."""
    if move.about != "run":
        return str(shown_of(flow.state.nodes[move.path]))
    known = flow.state.nodes[move.path].query
    query = plain_query(flow, move, step) if known is None else str(known)
    if query is None and step.query is not None:
        query = await made_query(flow, move, step.query)
    return query or ""


async def ask_review(flow: ActiveFlow, asking: Asking) -> Review | None:
    """The review of a step, on record before the run says that it waits."""
    if flow.reviews is None:
        return None
    review = await flow.reviews.ask(flow.state, asking, flow.clock.now())
    if review is not None:
        flow.requests.add(review.request.request_id)
    return review


def request_of(flow: ActiveFlow, move: AskHuman, shown: JsonValue = None) -> str:
    """The id of the first request about a step, for what people are shown."""
    return step_request_id(flow.state, move.path, move.epoch, move.about, shown)


async def _decided_at_once(
    flow: ActiveFlow, move: AskHuman, step: LightFlowStep, review: Review | None
) -> ApprovalDecision | None:
    """The decision that exists by now: from the review service, the step's handler, or an immediate reviewer."""
    if review is not None and review.decision is not None:
        return await take_decision(flow, move, review)
    decision = await handled(flow, move, step)
    if decision is None and review is not None and flow.reviews is not None:
        decision = await flow.reviews.at_once(review)
    return decision if decision is None or fits(move, decision) else None


async def take_decision(flow: ActiveFlow, move: AskHuman, review: Review) -> ApprovalDecision | None:
    """The decision in a review, taken before anything follows from it; None if it cannot apply to this step."""
    decision = review.decision
    if flow.reviews is None or decision is None or not fits(move, decision):
        return None
    with suppress(StoreError):  # The step keeps waiting, and its review is read again.
        return decision if await flow.reviews.take(review) else None
    return None


def fits(move: AskHuman, decision: ApprovalDecision) -> bool:
    """Whether a decision can apply to this: only a step that has not run can be given another query."""
    if decision.action != "edit":
        return True
    return move.about == "run" and isinstance((decision.arguments or {}).get("query"), str)


async def _reviewed(
    flow: ActiveFlow, move: AskHuman, step: LightFlowStep, query: str | None
) -> tuple[str | None, tuple[Decision, ...], str] | Forbidden:
    """What a person is asked about, after the hooks have reviewed first the step's query and then the request."""
    gate, reason = flow.gate, f"The step {move.step.name} needs approval."
    if gate is None:
        return query, (), reason
    decisions: tuple[Decision, ...] = ()
    if move.about == "run" and move.step.kind == "task" and query is not None:
        verdict = await review_query(flow, move, step, query)
        if isinstance(verdict, Forbidden):
            return verdict
        query, decisions = verdict.payload.query, verdict.decisions
        gate.let_pass(move.path, move.epoch, ())
    asked = ApprovalPayload(reason, {"about": move.about, "query": query})
    reviewed = await gate.review("approval", flow.state, move.path, asked, step.work.name)
    if isinstance(reviewed, Forbidden):
        return Forbidden(reviewed.error, (*decisions, *reviewed.decisions))
    return query, (*decisions, *reviewed.decisions), reviewed.payload.reason


def _forbidden(flow: ActiveFlow, move: AskHuman, verdict: Forbidden) -> list[FlowEvent]:
    """The events of a step that fails because a hook forbids its query or the request for an approval."""
    if flow.gate is not None:
        flow.gate.forget(move.path, move.epoch)
    request_id = request_of(flow, move)
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


async def handled(flow: ActiveFlow, move: AskHuman, step: LightFlowStep) -> ApprovalDecision | None:
    """What the step's handler decides; None if it leaves the decision to a person.

    A handler that fails, or returns anything but a decision, decides nothing: only an explicit approval counts.
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


def _declined_without_query(flow: ActiveFlow, move: AskHuman, error: Exception) -> list[FlowEvent]:
    """The step is declined, since its query cannot be made."""
    request_id = request_of(flow, move)
    now, reason = flow.clock.now(), error_info_of(error).message
    decision = ApprovalDecision.reject(f"Its query could not be made: {reason}", actor="query")
    return [
        StepApprovalRequested(move.path, move.epoch, request_id, move.about, None, move.step.approvers, at=now),
        StepApprovalDecided(move.path, move.epoch, decision, request_id, at=now),
    ]
