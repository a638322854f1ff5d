"""The SDK's exporters as ours use them: watched, made anew in a forked child, and quiet."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Protocol

from opentelemetry.sdk._logs import ReadableLogRecord
from opentelemetry.sdk._logs.export import LogRecordExporter, LogRecordExportResult
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from lightagent.adapters.telemetry.otel.batch_sizes import event_bytes, shortened_span, span_bytes
from lightagent.adapters.telemetry.otel.deliveries import Deliveries, Exporter, shut
from lightagent.adapters.telemetry.otel.export_report import Attempt, ExportReport


class MakesExporters(Protocol):
    """Makes the SDK's exporters of one protocol, all for one collector."""

    def spans(self) -> SpanExporter:
        """One for spans."""
        ...

    def metrics(self) -> MetricExporter:
        """One for metrics."""
        ...

    def events(self) -> LogRecordExporter:
        """One for events."""
        ...


class WatchedSpans(SpanExporter):
    """Exports spans, counts what became of them, and never raises; for the rest see `Deliveries`."""

    def __init__(self, make: Callable[[], SpanExporter], report: ExportReport, settle: Callable[[int], None]) -> None:
        def exporter() -> Exporter[ReadableSpan]:
            made = make()
            return Exporter(lambda spans: made.export(spans) is SpanExportResult.SUCCESS, made.shutdown)

        self._deliveries = Deliveries("span", exporter, report, settle, span_bytes, shortened_span)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return SpanExportResult.SUCCESS if self._deliveries.deliver(spans) else SpanExportResult.FAILURE

    def close(self) -> None:
        """Begin nothing more, and count nothing more as failed."""
        self._deliveries.close()

    def shutdown(self) -> None:
        self._deliveries.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


class WatchedEvents(LogRecordExporter):
    """The same of events."""

    def __init__(
        self, make: Callable[[], LogRecordExporter], report: ExportReport, settle: Callable[[int], None]
    ) -> None:
        def exporter() -> Exporter[ReadableLogRecord]:
            made = make()
            return Exporter(lambda events: made.export(events) is LogRecordExportResult.SUCCESS, made.shutdown)

        self._deliveries = Deliveries("event", exporter, report, settle, event_bytes)

    def export(self, batch: Sequence[ReadableLogRecord]) -> LogRecordExportResult:
        return LogRecordExportResult.SUCCESS if self._deliveries.deliver(batch) else LogRecordExportResult.FAILURE

    def close(self) -> None:
        """Begin nothing more, and count nothing more as failed."""
        self._deliveries.close()

    def shutdown(self) -> None:
        self._deliveries.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return True


class WatchedMetrics(MetricExporter):
    """Exports metrics, counts what came to nothing, and never raises."""

    def __init__(self, make: Callable[[], MetricExporter], report: ExportReport) -> None:
        self._make = make
        self._report = report
        with report.attempt():  # What is wrong with the environment may be the key in it.
            self._exporter = make()
        self._pid = os.getpid()
        self._is_closed = False
        # The SDK's reader asks the exporter for these two; an exporter has no public name for them.
        super().__init__(self._exporter._preferred_temporality, self._exporter._preferred_aggregation)

    def export(
        self, metrics_data: MetricsData, timeout_millis: float = 10_000, **options: object
    ) -> MetricExportResult:
        if self._is_closed:  # The last sums have been sent.
            return MetricExportResult.SUCCESS
        with self._report.attempt() as attempt:
            went_well = self._export(metrics_data, timeout_millis, attempt)
        if went_well:
            self._report.went_well("point", 0, attempt)
            return MetricExportResult.SUCCESS
        self._report.failed("export", 1, attempt.failure_text())
        return MetricExportResult.FAILURE

    def _export(self, data: MetricsData, timeout_millis: float, attempt: Attempt) -> bool:
        try:
            if self._pid != os.getpid():
                self._exporter, self._pid = self._make(), os.getpid()
            done = self._exporter.export(data, timeout_millis=timeout_millis)
            return done is MetricExportResult.SUCCESS and not attempt.is_redirected
        except Exception as exc:
            attempt.note(exc)
            return False

    def shutdown(self, timeout_millis: float = 30_000, **options: object) -> None:
        if not self._is_closed:
            self._is_closed = True
            shut(self._exporter.shutdown, self._report)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True
