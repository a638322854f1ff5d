"""What the workflow of a run says of an attempt without any code of its flow: its intent, or that it is given up."""

from __future__ import annotations

from lightagent.application.flow.left_attempts import was_left
from lightagent.application.flow.step_errors import lost_with_its_process, unknown_outcome
from lightagent.application.flow.step_queries import query_without_code
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.flow.events import (
    Answered,
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    FlowEvent,
    StepApprovalDecided,
)
from lightagent.domain.flow.moves import Ask, AskHuman, Do
from lightagent.domain.flow.paths import added_depth, effect_key
from lightagent.domain.flow.state import FlowState
from lightagent.domain.review import ApprovalDecision


def given_up(state: FlowState, move: Do, now: float) -> AttemptFailed | None:
    """That an attempt which was cut is not made again; None where it is. It is the rule of runs in one process."""
    if not move.again or was_left(move.notes):
        return None
    if not move.step.repeatable:
        return AttemptFailed(move.path, move.epoch, move.attempt, unknown_outcome(move.step, move.path), at=now)
    if move.lost >= state.started.limits.max_lost:
        failed = lost_with_its_process(move, move.lost)
        return AttemptFailed(failed.path, failed.epoch, failed.attempt, failed.error, failed.then, at=now)
    return None


def intent_of(state: FlowState, move: Do, now: float) -> AttemptStarted | None:
    """The intent of an attempt; None where code has to make its query first."""
    coded = added_depth(move.path) > 0 or any(one.field == "query" for one in move.step.code)
    query = query_without_code(state, move, coded=coded) if move.query is None else str(move.query)
    if query is None:
        return None
    key = effect_key(state.run_id, move.path, move.epoch, fallback=move.fallback)
    return AttemptStarted(move.path, move.epoch, move.attempt, key, query, at=now)


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
