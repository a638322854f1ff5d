"""Puts on record that a run ends because its caller left, or because of an unforeseen error."""

from __future__ import annotations

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.tools.deps import DepsT
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.outcomes import Cancelled, Failed, Outcome
from lightagent.domain.runs.events import Event, RunFinished


def give_up(live: ActiveRun[DepsT], error: BaseException) -> None:
    """End the run, if it has begun and goes on, and was not left to be resumed. Nothing is awaited or reported.

    Args:
        error: what its caller, or the garbage collector, threw into it, or what was raised within.
    """
    if not live.begun or live.run.outcome is not None or live.record.is_left:
        return
    outcome: Outcome = Cancelled()
    collected = _is_of_the_collector(error)
    if isinstance(error, Exception) and not collected:
        outcome, live.record.cause = Failed(classify_exception(error)), error
    attempt = live.failed_attempt(LightAgentErrorInfo("LA-UNKNOWN", "The request was given up."), outcome)
    last: list[Event] = [] if attempt is None else [attempt]
    if collected and live.watchers is not None:
        live.watchers.is_late = True
    for event in (*last, *live.leftovers, RunFinished(outcome, at=live.clock.now())):
        live.note(event)
        if live.nesting is not None:
            live.nesting.record(event)


def _is_of_the_collector(error: BaseException | None) -> bool:
    """Whether the garbage collector closes a run that was never finished, whatever is raised on the way."""
    while error is not None and not isinstance(error, GeneratorExit):
        error = error.__context__
    return error is not None
