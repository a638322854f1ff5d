"""Bounded queues before the SDK's batches, of spans and of events."""

from __future__ import annotations

from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk._logs import LogRecordProcessor, ReadWriteLogRecord
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExporter
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from lightagent.adapters.telemetry.otel.waiting_room import WaitingRoom, whole_number

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
