"""The SDK's exporters as ours use them: watched, made anew in a forked child, and quiet."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Protocol

from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, MetricsData
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from lightagent.adapters.telemetry.otel.export_report import Attempt, ExportReport


class MakesExporters(Protocol):
    """Makes the SDK's exporters of one protocol, all for one collector."""

    def spans(self) -> SpanExporter:
        """One for spans."""
        ...

    def metrics(self) -> MetricExporter:
        """One for metrics."""
        ...


class WatchedSpans(SpanExporter):
    """Exports spans, counts what became of them, and never raises.

    Args:
        make: makes the exporter; called anew in a forked child, which must not share connections with its parent.
        settle: told how many spans need no room in the queue any more.
    """

    def __init__(self, make: Callable[[], SpanExporter], report: ExportReport, settle: Callable[[int], None]) -> None:
        self._make = make
        self._report = report
        self._settle = settle
        with report.attempt():  # What is wrong with the environment may be the key in it.
            self._exporter = make()
        self._pid = os.getpid()
        self._is_closed = self._is_shut = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        with self._report.attempt() as attempt:
            went_well = not self._is_closed and self._export(spans, attempt)
        if went_well:
            self._report.sent += len(spans)
            self._report.tell()
        elif not self._is_closed:  # Who closes it counts what is left.
            self._report.spans_failed(len(spans), attempt.told())
        self._settle(len(spans))
        return SpanExportResult.SUCCESS if went_well else SpanExportResult.FAILURE

    def _export(self, spans: Sequence[ReadableSpan], attempt: Attempt) -> bool:
        try:
            if self._pid != os.getpid():
                self._exporter, self._pid = self._make(), os.getpid()
            return self._exporter.export(spans) is SpanExportResult.SUCCESS and not attempt.is_redirected
        except Exception as exc:
            attempt.note(exc)
            return False

    def close(self) -> None:
        """Begin nothing more, and count nothing more as failed."""
        self._is_closed = True

    def shutdown(self) -> None:
        self.close()
        if not self._is_shut:
            self._is_shut = True
            _shut(self._exporter, self._report)

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
            return MetricExportResult.SUCCESS
        self._report.metrics_failed(attempt.told())
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
            _shut(self._exporter, self._report)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return True


def _shut(exporter: SpanExporter | MetricExporter, report: ExportReport) -> None:
    """End it; what it is doing ends with it, or fails."""
    with report.attempt() as attempt:
        try:
            exporter.shutdown()
        except Exception as exc:
            attempt.note(exc)
