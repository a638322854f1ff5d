"""A bounded queue before the SDK's batches: what has no room is dropped and counted, and nobody waits."""

from __future__ import annotations

import os
import threading
import weakref
from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter

from lightagent.adapters.telemetry.otel.export_report import ExportReport

DEFAULT_QUEUE: Final = 2_048
_DEFAULT_BATCH: Final = 512


class SpanQueue(SpanProcessor):
    """Hands ended spans to the SDK's batch processor, as long as fewer than `size` wait.

    The SDK's own queue drops as well, but without telling how many.

    Args:
        size: how many spans may wait, those included that are being sent.
    """

    def __init__(self, exporter: SpanExporter, report: ExportReport, size: int | None) -> None:
        self._size = size or whole_number("OTEL_BSP_MAX_QUEUE_SIZE", DEFAULT_QUEUE)
        batch = min(self._size, whole_number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", _DEFAULT_BATCH))
        self._batches: SpanProcessor = BatchSpanProcessor(exporter, self._size + 1, max_export_batch_size=batch)
        self._report = report
        self._lock = threading.Lock()
        self._waiting = 0
        self._is_closed = False
        if hasattr(os, "register_at_fork"):  # Windows has no forks.
            begin_anew = weakref.WeakMethod(self._begin_anew)
            os.register_at_fork(after_in_child=lambda: (again := begin_anew()) and again())

    @property
    def waiting(self) -> int:
        """Spans that are neither sent nor given up."""
        return self._waiting

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing is known of it yet."""

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is None or not span.context.trace_flags.sampled:
            return
        with self._lock:
            has_room = self._waiting < self._size and not self._is_closed
            if has_room:
                self._waiting += 1
            else:
                self._report.dropped += 1
        if has_room:
            self._batches.on_end(span)
        else:
            self._report.tell()  # Here as well: an export that never ends tells nothing.

    def settle(self, count: int) -> None:
        """So many were sent or given up."""
        with self._lock:
            self._waiting -= count

    def close(self) -> None:
        """Take no more."""
        self._is_closed = True

    def shutdown(self) -> None:
        self.close()
        self._batches.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._batches.force_flush(timeout_millis)

    def _begin_anew(self) -> None:
        """In a forked child: what waits belongs to the parent, and the lock may have been held by a thread of it."""
        self._lock = threading.Lock()
        self._waiting = 0
        self._report.begin_anew()


def whole_number(variable: str, default: int) -> int:
    """What a standard variable says; the default where it says nothing that makes sense."""
    said = os.environ.get(variable, "").strip()
    return int(said) if said.isdecimal() and 0 < int(said) <= 1_000_000 else default
