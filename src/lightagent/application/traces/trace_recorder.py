"""Records trace events: those of a program, and as a telemetry sink those of every run as they happen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from lightagent.application.flow.flow_trace import LiveFlowTrace
from lightagent.application.projections.trace import LiveTrace
from lightagent.application.projections.trace_event import TraceEvent
from lightagent.application.projections.trace_summary import summarize_trace
from lightagent.application.traces.export_trace import ExportFunction, export_trace
from lightagent.domain.budgets.prices import PriceTable
from lightagent.domain.flow.events import FlowEvent
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonInput, JsonObject
from lightagent.domain.origin import Origin, TraceHeaders
from lightagent.domain.runs.events import Event
from lightagent.domain.telemetry.trace_summary import TraceSummary
from lightagent.ports.flow_telemetry import FlowEnd, FlowWatch
from lightagent.ports.traces import TraceExporter

ExportedT = TypeVar("ExportedT")


@runtime_checkable
class HasDict(Protocol):
    """Something that tells itself as plain data, such as a `HumanFeedback`."""

    def to_dict(self) -> Mapping[str, object]:
        """Plain data."""
        ...


class TraceRecorder:
    """Collects trace events, in memory and in order, from any number of threads.

    As ``LightAgent(telemetry=[recorder])`` it sees every run's events live, and as ``LightFlow(telemetry=[recorder])``
    those of the flow and of flows that are its steps. Those of runs at the same time come mixed; `trace_id` tells them
    apart.

    Args:
        enabled: record; otherwise nothing is recorded.
        trace_id, parent_trace_id, run_group_id: of the events that `record` is told.
        capture_content: record messages, arguments and outputs of runs, which may be private.
        limit: the most events that are kept; what comes after them is only counted, in `dropped`, until `take`.

    Attributes:
        events: what was recorded.
        dropped: how many events were not kept.
    """

    def __init__(
        self,
        enabled: bool = False,
        trace_id: str | None = None,
        parent_trace_id: str | None = None,
        run_group_id: str | None = None,
        *,
        capture_content: bool = False,
        limit: int | None = None,
    ) -> None:
        self.enabled = enabled
        self.trace_id = trace_id
        self.parent_trace_id = parent_trace_id
        self.run_group_id = run_group_id
        self.capture_content = capture_content
        self.limit = limit
        self.events: list[TraceEvent] = []
        self.dropped: int = 0
        self._lock = threading.Lock()

    def record(self, event_type: str, data: Mapping[str, object] | None = None) -> TraceEvent | None:
        """Record an event of the program; None if nothing is recorded.

        Raises:
            ConfigurationError: the data is not plain JSON.
        """
        if not self.enabled:
            return None
        told = to_json_object(dict(data or {}), f"trace event {event_type!r:.80}")
        event = TraceEvent(event_type, told, self.trace_id, self.parent_trace_id, self.run_group_id)
        self.keep([event])
        return event

    def record_feedback(self, feedback: HasDict | Mapping[str, object]) -> TraceEvent | None:
        """Record feedback about the run, as a `human_feedback` event with all its fields.

        Args:
            feedback: a `HumanFeedback`, or its data. Its trace id applies if the recorder has none of its own.

        Raises:
            TypeError: it is neither.
            ConfigurationError: it is not plain JSON.
        """
        told: object = feedback.to_dict() if isinstance(feedback, HasDict) else feedback
        if not isinstance(told, Mapping):
            raise TypeError(f"feedback must be a dictionary or provide to_dict(), got {type(feedback).__name__}.")
        if not self.enabled:
            return None
        data = to_json_object(dict(told), "human_feedback")
        trace_id = self.trace_id or str(data.get("trace_id") or "")
        event = TraceEvent("human_feedback", data, trace_id, self.parent_trace_id, self.run_group_id)
        self.keep([event])
        return event

    def keep(self, events: Sequence[TraceEvent]) -> None:
        """Record events that exist."""
        if not self.enabled:
            return
        with self._lock:
            room = len(events) if self.limit is None else max(0, self.limit - len(self.events))
            self.events.extend(events[:room])
            self.dropped += max(0, len(events) - room)

    def to_list(self) -> list[JsonObject]:
        """What was recorded, as plain data."""
        with self._lock:
            return [event.to_dict() for event in self.events]

    def take(self) -> list[TraceEvent]:
        """Return the recorded events, and begin anew."""
        with self._lock:
            taken, self.events, self.dropped = self.events, [], 0
        return taken

    def summarize(
        self, *, usage: object = None, pricing: Mapping[str, float] | PriceTable | None = None
    ) -> TraceSummary:
        """`summarize_trace` of what was recorded."""
        return summarize_trace(self.to_list(), usage=usage, pricing=pricing)

    def export(
        self,
        exporter: TraceExporter[ExportedT] | ExportFunction[ExportedT],
        *,
        usage: object = None,
        pricing: Mapping[str, float] | PriceTable | None = None,
        metadata: Mapping[str, JsonInput] | None = None,
    ) -> ExportedT:
        """`export_trace` of what was recorded."""
        return export_trace(self.to_list(), exporter, usage=usage, pricing=pricing, metadata=metadata)

    def watch(self, origin: Origin, known: Sequence[Event]) -> RecordedRun:
        """Begin to record a run; see `TelemetrySink`."""
        return RecordedRun(self, known)

    def watch_flow(self, known: Sequence[FlowEvent]) -> RecordedFlow:
        """Begin to record a run of a flow; see `FlowSink`."""
        return RecordedFlow(self, known)


class RecordedRun:
    """Records one run as it happens; see `RunWatch`.

    Args:
        known: events of a run that is resumed, which were recorded before; they are read, and not recorded again.
    """

    def __init__(self, recorder: TraceRecorder, known: Sequence[Event]) -> None:
        self._recorder = recorder
        self._trace = LiveTrace(capture_content=recorder.capture_content)
        for event in known:
            self._trace.add(event)

    def see(self, event: Event) -> None:
        """Record the lines that an event adds to the trace."""
        if lines := self._trace.add(event):
            self._recorder.keep(lines)

    def trace_headers(self, origin: Origin) -> TraceHeaders:
        """None: a recorder links no requests."""
        return ()


class RecordedFlow(FlowWatch):
    """Records one run of a flow as it happens.

    Args:
        known: as in `RecordedRun`.
    """

    def __init__(self, recorder: TraceRecorder, known: Sequence[FlowEvent]) -> None:
        self._recorder = recorder
        self._trace = LiveFlowTrace(capture_content=recorder.capture_content)
        for event in known:
            self._trace.add(event)

    def see(self, event: FlowEvent) -> None:
        """Record the lines that an event adds to the trace."""
        if lines := self._trace.add(event):
            self._recorder.keep(lines)

    def enter_flow(self, at: float) -> Callable[[], None]:
        """Nothing: a recorder makes no spans."""
        return _nothing

    def enter_step(self, path: str, at: float) -> Callable[[], None]:
        """Nothing, as above."""
        return _nothing

    def left(self, end: FlowEnd) -> None:
        """Nothing more: the end of the run is among its events."""

    def enter_logs(self) -> Callable[[], None]:
        """Nothing, as above."""
        return _nothing


def _nothing() -> None:
    return None
