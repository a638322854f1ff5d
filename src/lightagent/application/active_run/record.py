"""The record of a run in this process: its events, how it was watched, and the exception behind its end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Never

from lightagent.application.active_run.cancellation_token import CancellationToken
from lightagent.application.journals.journal import Journal
from lightagent.application.projections.partial_text import partial_text
from lightagent.application.projections.result import run_cancelled, run_suspended
from lightagent.application.projections.trace import trace_events
from lightagent.application.projections.trace_event import TraceEvent
from lightagent.domain.error_mapping import error_from_info
from lightagent.domain.outcomes import Cancelled, Completed, Suspended, outcome_error
from lightagent.domain.runs.events import Event, RunFinished, RunStarted
from lightagent.ports.journals import JournalStore
from lightagent.ports.models import ChatRequest
from lightagent.ports.telemetry import SideRequest


@dataclass(slots=True)
class RunRecord:
    """The events of one run as they come, and the options of its caller.

    Attributes:
        events: what is on record.
        stream: the run is streamed, so deltas are required.
        traced: the caller wants the trace.
        capture_content: the trace may hold private content.
        result_format: the form that the caller asked for.
        cause: the exception behind the outcome, if there is one.
        store: the store that keeps the run.
        cancel: ends the run from outside.
        halt: is called instead of sending a request, for a preview; None in every run.
        insists: the caller gave `max_retry`, which then holds for servers that cannot be reached, too.
        is_left: the run is stopped from outside without an end on record, so that it can be resumed.
    """

    events: list[Event]
    stream: bool = False
    traced: bool = False
    capture_content: bool = False
    result_format: str = "str"
    cause: Exception | None = None
    store: JournalStore | None = None
    insists: bool = False
    is_left: bool = False
    cancel: CancellationToken | None = None
    halt: Callable[[ChatRequest, SideRequest | None], Never] | None = None

    @property
    def started(self) -> RunStarted:
        """The first event."""
        return self.journal.started

    @property
    def journal(self) -> Journal:
        """The events so far."""
        return Journal(tuple(self.events), self.store)

    def trace(self) -> list[TraceEvent]:
        """The trace, empty unless it was asked for."""
        if not self.traced:
            return []
        return trace_events(self.events, stream=self.stream, capture_content=self.capture_content)

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
            raise run_suspended(
                self.journal.run,
                'Use result_format="object" and go on with resume(result.journal, ApprovalDecision.approve()).',
            )
        info = outcome_error(outcome)
        if info is None:
            error = run_cancelled(outcome if isinstance(outcome, Cancelled) else Cancelled())
        else:
            error = error_from_info(info)
        partial = partial_text(self.events)
        if partial:
            error.add_note(f"The model had said: {partial[:500]}")
        if self.cause is not None:
            error.__cause__ = self.cause
        raise error
