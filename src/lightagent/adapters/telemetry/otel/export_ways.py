"""The ways of spans and of events out of the process: a provider, a room to wait in, batches, and an exporter."""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import LogRecordExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio

from lightagent.adapters.telemetry.otel.export_queues import (
    EventQueue,
    SpanQueue,
    WaitingRoom,
    event_places,
    span_places,
)
from lightagent.adapters.telemetry.otel.export_report import ExportReport
from lightagent.adapters.telemetry.otel.exporters import WatchedEvents, WatchedSpans
from lightagent.adapters.telemetry.otel.langfuse_tags import LangfuseTags


class SpanWay:
    """The way of spans.

    Args:
        make: makes the exporter.
        report: told what became of them.
        resource: what the process is.
        places: how many may wait; None: as the environment says.
        ratio: the share of traces that is kept; None: likewise.
        is_for_langfuse: put the tags of each span under Langfuse's name as well.

    Attributes:
        provider: makes them.
    """

    def __init__(
        self,
        make: Callable[[], SpanExporter],
        report: ExportReport,
        resource: Resource,
        places: int | None,
        ratio: float | None,
        is_for_langfuse: bool,
    ) -> None:
        size = span_places(places)
        self._room = WaitingRoom("span", size, report)
        self._exporter = WatchedSpans(make, report, self._room.settle)
        sampler = None if ratio is None else ParentBasedTraceIdRatio(ratio)
        self.provider: TracerProvider = TracerProvider(sampler, resource, shutdown_on_exit=False)
        if is_for_langfuse:
            self.provider.add_span_processor(LangfuseTags())
        self.provider.add_span_processor(SpanQueue(self._exporter, self._room, size))

    @property
    def waiting(self) -> int:
        """Spans that are neither sent nor given up."""
        return self._room.waiting

    def close(self) -> int:
        """Take and send no more; how many are left."""
        self._room.close()
        self._exporter.close()
        left = self._room.waiting
        self._exporter.shutdown()
        return left


class EventWay:
    """The way of the events that hold texts; for its arguments see `SpanWay`.

    Attributes:
        provider: takes them.
    """

    def __init__(
        self, make: Callable[[], LogRecordExporter], report: ExportReport, resource: Resource, places: int | None
    ) -> None:
        size = event_places(places)
        self._room = WaitingRoom("event", size, report)
        self._exporter = WatchedEvents(make, report, self._room.settle)
        self.provider: LoggerProvider = LoggerProvider(resource, shutdown_on_exit=False)
        self.provider.add_log_record_processor(EventQueue(self._exporter, self._room, size))

    def close(self) -> int:
        """Take and send no more; how many are left."""
        self._room.close()
        self._exporter.close()
        left = self._room.waiting
        self._exporter.shutdown()
        return left
