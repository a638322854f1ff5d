"""Spans and measurements as tests look at them: kept in memory, found by name, with the names of their parents."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader, Metric
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer
from opentelemetry.util.types import AttributeValue

from lightagent import __version__
from lightagent.adapters.telemetry.otel.content import ContentCapture
from lightagent.adapters.telemetry.otel.sink import OpenTelemetrySink

OPERATION: Final = "gen_ai.operation.name"


class Started(SpanProcessor):
    """Counts the spans that begin."""

    def __init__(self) -> None:
        self.count = 0

    def on_start(self, span: Span, parent_context: object = None) -> None:
        self.count += 1


class RecordedSpans:
    """The telemetry of an application that keeps it in memory.

    Attributes:
        sink: makes the telemetry of agents.
        app: a tracer of the application's own.
        provider: the application's.
        starts: counts the spans that begin.
        reader: of the metrics.
    """

    def __init__(
        self, *, content: ContentCapture | None = None, tags: tuple[str, ...] = (), sum_usage: bool = False
    ) -> None:
        self._exporter = InMemorySpanExporter()
        self.reader = InMemoryMetricReader()
        make: Callable[[], InMemoryLogRecordExporter] = InMemoryLogRecordExporter
        self._log = make()
        self.starts = Started()
        self.provider = TracerProvider()
        self.provider.add_span_processor(self.starts)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meters = MeterProvider([self.reader])
        self._loggers = LoggerProvider()
        self._loggers.add_log_record_processor(SimpleLogRecordProcessor(self._log))
        self.sink = self.another(content=content, tags=tags, sum_usage=sum_usage)
        self.app: Tracer = self.provider.get_tracer("app", __version__)

    def another(
        self, *, content: ContentCapture | None = None, tags: tuple[str, ...] = (), sum_usage: bool = False
    ) -> OpenTelemetrySink:
        """Another sink of the same providers."""
        return OpenTelemetrySink(
            tracer_provider=self.provider,
            meter_provider=self.meters,
            logger_provider=self._loggers,
            content=content,
            tags=tags,
            sum_usage=sum_usage,
        )

    @property
    def open(self) -> int:
        """How many spans have begun and not ended."""
        return self.starts.count - len(self.ended)

    @property
    def all(self) -> list[ReadableSpan]:
        """The spans that have ended, in the order in which they began."""
        return sorted(self.ended, key=lambda span: span.start_time or 0)

    @property
    def ended(self) -> Sequence[ReadableSpan]:
        """The same in the order in which they ended."""
        return self._exporter.get_finished_spans()

    def of(self, operation: str) -> list[ReadableSpan]:
        """Those of one operation, such as ``chat``, in the same order."""
        return [span for span in self.ended if attribute(span, OPERATION) == operation]

    def named(self, name: str) -> list[ReadableSpan]:
        """Those whose name begins so."""
        return [span for span in self.all if span.name.startswith(name)]

    def one(self, name: str) -> ReadableSpan:
        """The only one whose name begins so."""
        (span,) = self.named(name)
        return span

    def tree(self) -> list[tuple[str, str]]:
        """The names of all spans, each with that of its parent; that is empty for roots."""
        names = {span_id(span): span.name for span in self.all}
        return [(span.name, names.get(parent_id(span), "") if parent_id(span) else "") for span in self.all]

    def clear(self) -> None:
        """Forget what has been recorded."""
        self._exporter.clear()
        self.starts.count = 0

    def points(self, metric: str) -> list[HistogramDataPoint]:
        """The points of a histogram."""
        points = [point for one in self.metrics if one.name == metric for point in one.data.data_points]
        return [point for point in points if isinstance(point, HistogramDataPoint)]

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that were recorded."""
        data = self.reader.get_metrics_data()
        if data is None:
            return []
        return [one for resource in data.resource_metrics for scope in resource.scope_metrics for one in scope.metrics]

    @property
    def emitted(self) -> list[LogRecord]:
        """The events that were emitted beside the spans."""
        return [one.log_record for one in self._log.get_finished_logs()]


def span_id(span: ReadableSpan) -> int:
    """The id of a span."""
    assert span.context is not None
    number: int = span.context.span_id
    return number


def trace_id(span: ReadableSpan) -> str:
    """The id of a span's trace, as people read it."""
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def parent_id(span: ReadableSpan) -> int:
    """The id of a span's parent; 0 for a root."""
    number: int = 0 if span.parent is None else span.parent.span_id
    return number


def attribute(span: ReadableSpan, name: str) -> AttributeValue | None:
    """An attribute of a span."""
    return (span.attributes or {}).get(name)


def attributes(span: ReadableSpan) -> Mapping[str, object]:
    """The attributes of a span."""
    return dict(span.attributes or {})


def status(span: ReadableSpan) -> tuple[str, str]:
    """The status of a span, and why it failed."""
    assert span.status.description is None
    return span.status.status_code.name, str(attributes(span).get("error.type", ""))


def events(span: ReadableSpan) -> list[str]:
    """The names of a span's events."""
    return [event.name for event in span.events]
