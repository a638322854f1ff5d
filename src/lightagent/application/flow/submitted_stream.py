"""The stream of an agent's run that an engine carries out, made from what is on record of it."""

from __future__ import annotations

from collections.abc import Iterator

from lightagent.application.flow.submitted import STEP
from lightagent.application.projections.live_events import StreamEvents
from lightagent.application.projections.stream_events import NoteEvent, StreamEvent
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.flow.events import AttemptFailed, AttemptNoted, AttemptStarted, FlowEvent, FlowFinished
from lightagent.domain.outcomes import Cancelled, Failed, Outcome
from lightagent.domain.runs.events import RunFinished, RunStarted


class SubmittedStream:
    """Converts the events of a flow whose one step is an agent to those of the agent's stream."""

    def __init__(self) -> None:
        self._view = StreamEvents("", live=False)
        self._trace_id = ""
        self._attempt = (0, 0)
        self._is_open = False
        self._error: LightAgentErrorInfo | None = None

    def feed(self, event: FlowEvent) -> Iterator[StreamEvent]:
        """Yield the events that this event of the flow adds."""
        match event:
            case AttemptStarted(path=path) if path == STEP:
                if self._is_open:  # The process that had the run is gone; what it had begun begins anew.
                    yield NoteEvent({"kind": "restart", "attempt": event.attempt}, self._trace_id)
                self._is_open = True
            case AttemptNoted(path=path) if path == STEP and not isinstance(event.event, FlowEvent):
                if (event.epoch, event.attempt) != self._attempt:
                    self._attempt = (event.epoch, event.attempt)
                    self._begin(event.event.trace_id if isinstance(event.event, RunStarted) else "")
                self._is_open = self._is_open and not isinstance(event.event, RunFinished)
                yield from self._view.feed(event.event)
            case AttemptFailed(path=path, error=error) if path == STEP:
                self._error = error
            case FlowFinished():
                yield from self._end(event)
            case _:
                pass

    def _begin(self, trace_id: str) -> None:
        self._trace_id = trace_id
        self._view = StreamEvents(trace_id, live=False)

    def _end(self, event: FlowFinished) -> Iterator[StreamEvent]:
        """The end of a run that the agent itself has not ended."""
        if not self._is_open and event.status != "cancelled":
            return
        end: Outcome = Cancelled()
        if event.status != "cancelled":
            end = Failed(self._error or LightAgentErrorInfo("LA-500", "The run failed.", ""))
        self._is_open = False
        yield from self._view.feed(RunFinished(end))
