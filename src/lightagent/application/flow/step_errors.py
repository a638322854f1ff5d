"""Errors of steps as they are put on record, and what follows from them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from lightagent.application.flow.step_verdict import StepVerdict
from lightagent.application.flow.value_sizes import TooLarge
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import FlowTimeout, LightAgentError, ProviderError
from lightagent.domain.flow.definition import StepDefinition
from lightagent.domain.flow.events import AttemptFailed
from lightagent.domain.flow.moves import Do
from lightagent.domain.flow.nodes import Node
from lightagent.domain.flow.retrying import NO_RETRY, Then, after_failure


def attempt_failed(
    move: Do, error: BaseException, *, tried: int, fallback_left: bool, now: float, chance: float
) -> AttemptFailed:
    """The failure of an attempt, with what follows.

    Args:
        tried: attempts in a row, this one included.
        fallback_left: the fallback has not tried yet.
        now: the moment, in seconds since 1970.
        chance: a number from 0 to 1, drawn for the pause.
    """
    info = error_info_of(error)
    decided = after_failure(
        NO_RETRY if isinstance(error, TooLarge) else move.step.retry,
        info,
        tried=tried,
        fallback_left=fallback_left,
        now=now,
        chance=chance,
        asked=error.retry_after if isinstance(error, ProviderError) else None,
        classes=tuple(kind.__name__ for kind in type(error).__mro__),
    )
    return AttemptFailed(move.path, move.epoch, move.attempt, info, decided.then, decided.due, at=now)


def after_verdict(node: Node, verdict: StepVerdict, *, now: float, chance: float) -> tuple[Then | None, float]:
    """What follows from a verdict on the step's result, and when; nothing if the result counts.

    Args:
        now: the moment, in seconds since 1970.
        chance: a number from 0 to 1, drawn for the pause.
    """
    if verdict.verdict == "accept":
        return None, 0.0
    if verdict.verdict == "unknown":
        return (None if node.step.doubt == "accept" else node.step.doubt), 0.0
    decided = after_failure(
        node.step.retry,
        LightAgentErrorInfo("LA-OUTPUT", verdict.reason),
        tried=node.attempt - node.base,
        fallback_left=node.step.fallback and not node.fallback,
        now=now,
        chance=chance,
        classes=("OutputError",),
    )
    return decided.then, decided.due


def error_info_of(error: BaseException) -> LightAgentErrorInfo:
    """The error of a step's exception; the message of an exception from foreign code is kept."""
    info = classify_exception(error)
    if isinstance(error, LightAgentError) or info.code == "LA-UNKNOWN":
        return info
    said = ""
    with suppress(Exception):  # Its text may come from foreign code.
        said = str(error)
    text = f"{type(error).__name__}: {said}" if said else type(error).__name__
    return replace(info, message=text, guidance="Fix the step, or give it retries or a fallback.")


def out_of_time(step: StepDefinition, path: str, *, goes_on: bool) -> FlowTimeout:
    """An attempt exceeded its time limit.

    Args:
        goes_on: it did not end when it was cancelled, so its effects may still happen.
    """
    unknown = " It did not end when it was cancelled: whether its effect happens is unknown." if goes_on else ""
    return FlowTimeout(
        f"The step {step.name!r:.100} did not end within {step.timeout or 0:g} s.{unknown}",
        details={"step": path, "seconds": step.timeout, "unknown": goes_on},
    )


def lost_with_its_process(move: Do, times: int) -> AttemptFailed:
    """An attempt whose process died before it ended was begun as often as it may be."""
    once = "once, and its process" if times == 1 else f"{times} times, and each time its process"
    lost = LightAgentErrorInfo(
        "LA-FLOW-LOST",
        f"The step {move.step.name!r:.100} was begun {once} ended before it did (max_lost). "
        "Whether its effect happened is unknown.",
        "Look at what ends the process, such as its memory or native code. rerun_step does the step again.",
        {"step": move.path, "unknown": True, "lost": times},
    )
    then: Then = "fallback" if move.step.fallback and not move.fallback else "fail"
    return AttemptFailed(move.path, move.epoch, move.attempt, lost, then)


def unknown_outcome(step: StepDefinition, path: str) -> LightAgentErrorInfo:
    """An attempt that may not be made again was interrupted."""
    return LightAgentErrorInfo(
        "LA-UNKNOWN",
        f"An attempt at the step {step.name!r:.100} was interrupted, and whether its effect happened is unknown.",
        "Look whether it did; rerun_step does it again.",
        {"step": path, "unknown": True},
    )
