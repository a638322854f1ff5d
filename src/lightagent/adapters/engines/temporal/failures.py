"""What stands on record where a move could not be carried out at all: the step has failed."""

from __future__ import annotations

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.flow.events import Answered, AttemptFailed, AttemptFinished, FlowEvent, StepApprovalDecided
from lightagent.domain.flow.moves import Ask, AskHuman, Do
from lightagent.domain.review import ApprovalDecision


def failure_of(about: Ask | AskHuman | Do | AttemptFinished, text: str, now: float) -> FlowEvent:
    """That nothing came of a move, since what carries it out could not: the step has failed."""
    error = LightAgentErrorInfo("LA-STORE", f"The step {about.path!r:.100}: {text}", "See docs/temporal.md.")
    match about:
        case Ask():
            return Answered(about.path, about.epoch, about.question, error=error, at=now)
        case AskHuman():
            decision = ApprovalDecision.reject(error.message, actor="engine")
            return StepApprovalDecided(about.path, about.epoch, decision, error=error, at=now)
        case Do() | AttemptFinished():
            return AttemptFailed(about.path, about.epoch, about.attempt, error, at=now)
