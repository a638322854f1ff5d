"""What code of a step is asked that has no effect, and what a handler of approvals decides."""

from __future__ import annotations

from lightagent.application.flow.active_flow import ActiveFlow, Report
from lightagent.application.flow.answer_questions import answer, proposed_steps
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.step_errors import told
from lightagent.application.flow.step_queries import made_query, plain_query, seen_from
from lightagent.application.foreign_code import FAILURES, failure
from lightagent.domain.flow.events import Answered, FlowEvent, StepApprovalDecided, StepApprovalRequested
from lightagent.domain.flow.moves import Ask, AskHuman
from lightagent.domain.review import ApprovalDecision
from lightagent.domain.review_answers import read_review_answer
from lightagent.domain.review_requests import request_id_of
from lightagent.domain.rulings import Unreadable


async def ask_step(flow: ActiveFlow, move: Ask) -> None:
    """Ask code, and report what it says; what it raises is a failure of the step."""
    try:
        answered = await answer(flow, move)
    except FAILURES as raised:
        error = told(failure(raised))
        answered = Answered(move.path, move.epoch, move.question, error=error, at=flow.clock.now())
    flow.report(Report((answered,)))


async def ask_person(flow: ActiveFlow, move: AskHuman) -> None:
    """Put on record that a person is asked, with what the step's handler decides at once, where it has one."""
    step = flow.step_at(move.path, move.step.work)
    try:
        query = await _shown(flow, move, step)
    except FAILURES as raised:
        # Nobody can decide about what cannot be asked. The attempt will say what is wrong.
        flow.report(Report(_unasked(flow, move, failure(raised))))
        return
    request_id = request_id_of(flow.state.run_id, move.path, move.epoch, move.about)
    now = flow.clock.now()
    events: list[FlowEvent] = [
        StepApprovalRequested(move.path, move.epoch, request_id, move.about, query, move.step.approvers, at=now)
    ]
    decision = await _handled(flow, move, step)
    if decision is not None:
        events.append(StepApprovalDecided(move.path, move.epoch, decision, request_id, at=flow.clock.now()))
    flow.report(Report(events))


async def _shown(flow: ActiveFlow, move: AskHuman, step: LightFlowStep) -> str:
    """What a person is shown: the query, or the result or the steps that are asked about."""
    node = flow.state.nodes[move.path]
    if move.about == "result":
        return "" if node.output is None else node.output.text
    if move.about == "growth":
        return "\n".join(f"{one.name} ({one.work}): {one.query}" for one in proposed_steps(node.proposed))
    query = plain_query(flow, move, step)
    if query is None and step.query is not None:
        query = await made_query(flow, move, step.query)
    return query or ""


async def _handled(flow: ActiveFlow, move: AskHuman, step: LightFlowStep) -> ApprovalDecision | None:
    """What the step's handler decides; None where it leaves it to a person.

    One that fails, or answers what is no decision, decides nothing: only what says yes is a yes.
    """
    handler = step.approval_handler
    if handler is None or move.about != "run":
        return None
    try:
        said = await handler.call(step, seen_from(flow, move))
    except FAILURES as raised:
        failure(raised)
        return None
    if said is None:
        return None
    read = read_review_answer(said, handler.name)
    return None if isinstance(read, Unreadable) else read


async def ask_all_again(flow: ActiveFlow) -> None:
    """Ask the handlers of all steps that wait for people once more: they may know by now.

    Where a crash came between a request and what its handler decided at once, nobody else would ask it.
    """
    for node in list(flow.state.nodes.values()):
        if node.status == "waiting_approval":
            await _ask_again(flow, AskHuman(node.path, node.epoch, node.subject, node.step), node.request_id)


async def _ask_again(flow: ActiveFlow, move: AskHuman, request_id: str) -> None:
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
