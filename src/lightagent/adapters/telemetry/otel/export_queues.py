"""Bounded queues before the SDK's batches, of spans and of events.

What finds no room is dropped and counted, without blocking the caller: the SDK's own queue drops as well, but does not
tell how many items.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from lightagent.adapters.telemetry.otel.export_report import ExportReport, Kind


class WaitingRoom:
    """Room for items before the SDK's batches, whose own queue drops as well, but without telling how many.

    Args:
        kind: of the items.
        size: how many may wait, those included that are being sent.
    """

    def __init__(self, kind: Kind, size: int, report: ExportReport) -> None:
        self._kind: Kind = kind
        self._size = size
        self._report = report
        self._lock = threading.Lock()
        self._waiting = 0
        self._is_closed = False
        if hasattr(os, "register_at_fork"):  # Windows has no forks.
            begin_anew = weakref.WeakMethod(self._begin_anew)
            os.register_at_fork(after_in_child=lambda: (again := begin_anew()) and again())

    @property
    def waiting(self) -> int:
        """Items that are neither sent nor given up."""
        return self._waiting

    def take(self) -> bool:
        """Take one in; whether there is room."""
        with self._lock:
            has_room = self._waiting < self._size and not self._is_closed
            if has_room:
                self._waiting += 1
            else:
                self._report.dropped(self._kind)
        if not has_room:
            self._report.tell()  # Here as well: an export that never ends tells nothing.
        return has_room

    def settle(self, count: int) -> None:
        """So many were sent or given up."""
        with self._lock:
            self._waiting -= count

    def close(self) -> None:
        """Take no more."""
        self._is_closed = True

    def _begin_anew(self) -> None:
        """In a forked child: what waits belongs to the parent, and the lock may have been held by a thread of it."""
        self._lock = threading.Lock()
        self._waiting = 0


def whole_number(variable: str, default: int) -> int:
    """What a standard variable says; the default where it says nothing that makes sense."""
    said = os.environ.get(variable, "").strip()
    return int(said) if said.isdecimal() and 0 < int(said) <= 1_000_000 else default


_DEFAULT_BATCH: Final = 512
_DEFAULT_QUEUE: Final = 2_048


def span_places(chosen: int | None) -> int:
    """How many spans may wait, as is chosen or as the environment says."""
    return chosen or whole_number("OTEL_BSP_MAX_QUEUE_SIZE", _DEFAULT_QUEUE)


def event_places(chosen: int | None) -> int:
    """The same of events."""
    return chosen or whole_number("OTEL_BLRP_MAX_QUEUE_SIZE", _DEFAULT_QUEUE)


class SpanQueue(SpanProcessor):
    """Hands ended spans to the SDK's batch processor, as long as there is room.

    Args:
        size: of the room.
    """

    def __init__(self, exporter: SpanExporter, room: WaitingRoom, size: int) -> None:
        batch = min(size, whole_number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", _DEFAULT_BATCH))
        self._batches: SpanProcessor = BatchSpanProcessor(exporter, size + 1, max_export_batch_size=batch)
        self._room = room

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing is known of it yet."""

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled and self._room.take():
            self._batches.on_end(span)

    def shutdown(self) -> None:
        self._room.close()
        self._batches.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._batches.force_flush(timeout_millis)


class EventQueue(LogRecordProcessor):
    """The same of events."""

    def __init__(self, exporter: LogRecordExporter, room: WaitingRoom, size: int) -> None:
        batch = min(size, whole_number("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", _DEFAULT_BATCH))
        self._batches: LogRecordProcessor = BatchLogRecordProcessor(
            exporter, max_export_batch_size=batch, max_queue_size=size + 1
        )
        self._room = room

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        if self._room.take():
            self._batches.on_emit(log_record)

    def shutdown(self) -> None:
        self._room.close()
        self._batches.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._batches.force_flush(timeout_millis)
