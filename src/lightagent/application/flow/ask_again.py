"""What follows for steps that wait for people: from decisions, from revoked requests, and from expiry."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from lightagent.application.flow.active_flow import ActiveFlow, Report
from lightagent.application.flow.ask_people import ask_review, handled, request_of, shown_of, take_decision
from lightagent.application.flow.flow_reviews import Asking, step_request_id, waiting_nodes
from lightagent.application.flow.rerun_flow import open_requests
from lightagent.domain.errors import StoreError
from lightagent.domain.flow.events import FlowEvent, StepApprovalDecided, StepApprovalRequested
from lightagent.domain.flow.moves import AskHuman
from lightagent.domain.flow.nodes import Node
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.review.log import Review


@asynccontextmanager
async def settling(flow: ActiveFlow) -> AsyncIterator[None]:
    """A context in which a run goes on; on exit it closes the reviews of steps that no longer wait."""
    flow.requests.update(node.request_id for node in waiting_nodes(flow.state))
    yield
    if flow.reviews is not None and flow.requests:
        for request_id in flow.requests.difference(open_requests(flow.state)):
            await flow.reviews.over(flow.state, request_id)


async def ask_all_again(flow: ActiveFlow) -> None:
    """Check all steps that wait for people again, for decisions, reviewers that decide at once, and expiry."""
    for node in waiting_nodes(flow.state):
        events = await _news(flow, node, await _review_of(flow, node))
        if events:
            flow.report(Report(events))


async def _review_of(flow: ActiveFlow, node: Node) -> Review | None:
    """The review of a waiting step; a review that could not be kept before is put on record now."""
    if flow.reviews is None:
        return None
    with suppress(StoreError):  # Then the step waits on.
        review = await flow.reviews.find(flow.state, node.request_id)
        if review is not None or _is_escalated(flow, node):
            return review
        return await ask_review(flow, _asking(flow, node))
    return None


async def _news(flow: ActiveFlow, node: Node, review: Review | None) -> list[FlowEvent]:
    if review is None or review.decision is None:
        move = _move(node)
        decision = await handled(flow, move, flow.step_at(move.path, move.step.work))
        if decision is not None:
            return [StepApprovalDecided(move.path, move.epoch, decision, node.request_id, at=flow.clock.now())]
    return await events_after_decision(flow, node, review)


async def events_after_decision(flow: ActiveFlow, node: Node, review: Review | None) -> list[FlowEvent]:
    """The events that follow for a waiting step from the decision about it, or from its expiry; none before either.

    Args:
        review: as far as it is known.
    """
    move = _move(node)
    if review is not None and review.decision is not None:
        decision = await take_decision(flow, move, review)
        if decision is not None:
            return [StepApprovalDecided(move.path, move.epoch, decision, node.request_id, at=flow.clock.now())]
    if review is not None and review.status == "revoked":
        return await _new_request(flow, _asking(flow, node, escalated=_is_escalated(flow, node)))
    if node.expires is None or flow.clock.now() < node.expires:
        return []
    return await out_of_time(flow, node)


async def out_of_time(flow: ActiveFlow, node: Node) -> list[FlowEvent]:
    """The time to decide is over: escalate once, otherwise the step fails."""
    step = flow.step_at(node.path, node.step.work)
    if not step.escalate_to or _is_escalated(flow, node):
        decision = ApprovalDecision.reject("The time to decide has passed.")
        told = StepApprovalDecided(node.path, node.epoch, decision, node.request_id, expired=True, at=flow.clock.now())
        return [told]
    return await _new_request(flow, _asking(flow, node, escalated=True))


async def _new_request(flow: ActiveFlow, asking: Asking) -> list[FlowEvent]:
    """Replace the request by a new one, to other people after an escalation; no events if it cannot be kept."""
    if flow.reviews is None:
        return [_own_request(flow, asking)]
    review = await ask_review(flow, asking)
    if review is None:
        return []
    request, now = review.request, flow.clock.now()
    events: list[FlowEvent] = [
        StepApprovalRequested(
            *(asking.path, asking.epoch, request.request_id, asking.about, asking.query, request.approvers),
            request.expires_at,
            at=now,
        )
    ]
    decision = await flow.reviews.at_once(review)
    if decision is not None:
        events.append(StepApprovalDecided(asking.path, asking.epoch, decision, request.request_id, at=now))
    return events


def _own_request(flow: ActiveFlow, asking: Asking) -> StepApprovalRequested:
    """The next request about a step, where the run alone keeps it."""
    now, path, about = flow.clock.now(), asking.path, asking.about
    ident = step_request_id(flow.state, path, asking.epoch, about, asking.query, escalated=asking.escalated)
    expires = None if asking.timeout is None else now + asking.timeout
    return StepApprovalRequested(path, asking.epoch, ident, about, asking.query, asking.approvers, expires, at=now)


def _asking(flow: ActiveFlow, node: Node, *, escalated: bool = False) -> Asking:
    """What people are asked about a waiting step; after an escalation, the request to the next approvers."""
    step = flow.step_at(node.path, node.step.work)
    late = f"The time to decide about the step {node.step.name} has passed."
    return Asking(
        node.path,
        node.epoch,
        node.subject,
        shown_of(node),
        late if escalated else f"The step {node.step.name} needs approval.",
        step.work.name,
        step.escalate_to if escalated else node.step.approvers,
        step.approval_timeout,
        escalated,
    )


def _is_escalated(flow: ActiveFlow, node: Node) -> bool:
    return node.request_id != request_of(flow, _move(node), shown_of(node))


def _move(node: Node) -> AskHuman:
    return AskHuman(node.path, node.epoch, node.subject, node.step)
