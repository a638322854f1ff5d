"""A run as it was played in this process: its journal, how it was watched, and what lay behind its errors."""

from __future__ import annotations

from dataclasses import dataclass, field

from lightagent.application.journal import Journal
from lightagent.application.projections.last_words import last_words
from lightagent.application.projections.trace import TraceEvent, trace_events
from lightagent.domain.error_mapping import error_from_info
from lightagent.domain.errors import LightAgentError, RunSuspended
from lightagent.domain.events import Event, RunFinished, RunStarted
from lightagent.domain.outcomes import Cancelled, Completed, Suspended, outcome_error


@dataclass(slots=True)
class Recorded:
    """The events of one run while it is played, and what its caller wanted to see of it."""

    events: list[Event]
    stream: bool = False
    traced: bool = False
    capture_content: bool = False
    causes: list[Exception] = field(default_factory=list)

    @property
    def started(self) -> RunStarted:
        """The first event."""
        return self.journal.started

    @property
    def journal(self) -> Journal:
        """The events so far."""
        return Journal(tuple(self.events))

    def trace(self) -> list[TraceEvent]:
        """The trace, empty unless it was asked for."""
        if not self.traced:
            return []
        return trace_events(self.events, stream=self.stream, capture_content=self.capture_content)

    def cancel(self, now: float) -> None:
        """Write down that the caller gave up, unless the run had ended before."""
        if not isinstance(self.events[-1], RunFinished):
            self.events.append(RunFinished(Cancelled(), now))

    def text(self) -> str:
        """The final text.

        Raises:
            LightAgentError: there is none; family, code and cause say why.
        """
        last = self.events[-1]
        outcome = last.outcome if isinstance(last, RunFinished) else Cancelled()
        if isinstance(outcome, Completed):
            return outcome.content
        if isinstance(outcome, Suspended):
            raise RunSuspended(
                f"The run waits for a human: {', '.join(outcome.call_ids)}.",
                guidance='Use result_format="object" and go on with resume(result.journal, decision).',
            )
        raise self._error()

    def _error(self) -> LightAgentError:
        last = self.events[-1]
        info = outcome_error(last.outcome) if isinstance(last, RunFinished) else None
        error = error_from_info(info) if info is not None else LightAgentError()
        partial = last_words(self.events)
        if partial:
            error.add_note(f"The model had said: {partial[:500]}")
        cause = self.causes[-1] if self.causes else None
        if cause is not None:
            error.__cause__ = cause
        return error
