"""What stands on record where a move could not be carried out at all: the step has failed."""

from __future__ import annotations

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.flow.events import Answered, AttemptFailed, FlowEvent, StepApprovalDecided, StepApprovalRequested
from lightagent.domain.flow.moves import Ask, AskHuman, Do
from lightagent.domain.review.decisions import ApprovalDecision


def failures_of(move: Ask | AskHuman | Do, text: str, now: float) -> list[FlowEvent]:
    """That nothing came of a move, since what carries it out could not."""
    error = LightAgentErrorInfo("LA-STORE", f"The step {move.path!r:.100}: {text}", "See docs/temporal.md.")
    match move:
        case Ask():
            return [Answered(move.path, move.epoch, move.question, error=error, at=now)]
        case AskHuman():
            decision = ApprovalDecision.reject(error.message, actor="engine")
            return [
                StepApprovalRequested(move.path, move.epoch, "engine", move.about, at=now),
                StepApprovalDecided(move.path, move.epoch, decision, "engine", error=error, at=now),
            ]
        case Do():
            return [AttemptFailed(move.path, move.epoch, move.attempt, error, at=now)]
