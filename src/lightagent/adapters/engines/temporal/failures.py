"""What stands on record where a move could not be carried out at all: the step has failed."""

from __future__ import annotations

from dataclasses import replace

from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.flow.events import (
    Answered,
    AttemptFailed,
    AttemptFinished,
    FlowEvent,
    StepApprovalDecided,
    StepApprovalRequested,
)
from lightagent.domain.flow.moves import Ask, AskHuman, Do
from lightagent.domain.flow.refusals import Refused
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


def mended(event: FlowEvent, refusal: Refused) -> FlowEvent | None:
    """What stands for an event that can never be: that the step has failed, and why. None for one that is too late."""
    if refusal.kind not in ("form", "limit"):
        return None
    match event:
        case Answered(error=None):
            return replace(event, error=refusal.info)
        case StepApprovalDecided(error=None):
            decision = ApprovalDecision.reject(refusal.info.message, actor=event.decision.actor)
            return replace(event, decision=decision, error=refusal.info)
        case AttemptFinished():
            return AttemptFailed(event.path, event.epoch, event.attempt, refusal.info, at=event.at)
        case _:
            return None
