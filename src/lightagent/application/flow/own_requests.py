"""Requests to people that a run alone keeps, where no review service does: who may decide, and until when."""

from __future__ import annotations

from collections.abc import Mapping

from lightagent.application.flow.ask_people import shown_of
from lightagent.application.flow.flow_reviews import step_request_id
from lightagent.application.flow.flow_step import LightFlowStep, by_work
from lightagent.application.flow.flow_work import FlowWork
from lightagent.domain.errors import PolicyError
from lightagent.domain.flow.events import AttemptNoted, FlowEvent, StepApprovalDecided
from lightagent.domain.flow.paths import declared_path
from lightagent.domain.flow.state import FlowState, fold


def check_decider(steps: Mapping[str, LightFlowStep], state: FlowState, event: FlowEvent, now: float) -> None:
    """Check that this person may make a decision now, about a step or about one of a flow that is a step.

    Args:
        steps: those of the flow, by what names their work.
        state: of the run, as it is before the decision.
        event: the decision.

    Raises:
        PolicyError: the time to decide is over, or the person is not among those who are asked.
    """
    if not isinstance(event, (AttemptNoted, StepApprovalDecided)):
        return
    node = state.nodes[event.path]
    step = steps.get(node.step.work or declared_path(node.path))
    if isinstance(event, AttemptNoted):
        if step is not None and isinstance(step.work, FlowWork) and isinstance(event.event, FlowEvent):
            below = fold([note for note in node.notes or () if isinstance(note, FlowEvent)])
            check_decider(by_work(step.work.steps()), below, event.event, now)
        return
    first = step_request_id(state, node.path, node.epoch, node.subject, shown_of(node))
    is_escalated = node.request_id != first and step is not None
    approvers = step.escalate_to if step is not None and is_escalated else node.step.approvers
    if node.expires is not None and now >= node.expires:
        raise PolicyError(
            f"The request about {node.path:.100} expired: the time to decide has passed.",
            guidance="Resume the run: those of escalate_to are asked then, or else the step fails, and rerun_step asks "
            "anew.",
        )
    if approvers and event.decision.actor not in approvers:
        raise PolicyError(
            f"The person who decides must be one of {', '.join(approvers)}, and be named exactly so.", guidance=""
        )
