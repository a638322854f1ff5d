"""Spans and measurements as tests look at them: kept in memory, found by name, with the names of their parents."""

from __future__ import annotations

from collections.abc import Mapping

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import HistogramDataPoint, InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer

from lightagent import __version__
from lightagent.adapters.telemetry.otel.content import ContentCapture
from lightagent.adapters.telemetry.otel.sink import OpenTelemetrySink


class _Started(SpanProcessor):
    """Counts the spans that begin."""

    def __init__(self) -> None:
        self.count = 0

    def on_start(self, span: object, parent_context: object = None) -> None:
        self.count += 1


class RecordedSpans:
    """The telemetry of an application that keeps it in memory.

    Attributes:
        sink: makes the telemetry of agents.
        app: a tracer of the application's own.
        provider: the application's.
    """

    def __init__(
        self, *, content: ContentCapture | None = None, tags: tuple[str, ...] = (), sum_usage: bool = False
    ) -> None:
        self._exporter = InMemorySpanExporter()
        self._began = _Started()
        self._reader = InMemoryMetricReader()
        self.provider = TracerProvider()
        self.provider.add_span_processor(self._began)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meters = MeterProvider([self._reader])
        self.sink = self.another(content=content, tags=tags, sum_usage=sum_usage)
        self.app: Tracer = self.provider.get_tracer("app", __version__)

    def another(
        self, *, content: ContentCapture | None = None, tags: tuple[str, ...] = (), sum_usage: bool = False
    ) -> OpenTelemetrySink:
        """Another sink of the same providers."""
        return OpenTelemetrySink(
            tracer_provider=self.provider, meter_provider=self.meters, content=content, tags=tags, sum_usage=sum_usage
        )

    @property
    def open(self) -> int:
        """How many spans have begun and not ended."""
        return self._began.count - len(self.all)

    @property
    def all(self) -> list[ReadableSpan]:
        """The spans that have ended, in the order in which they began."""
        return sorted(self._exporter.get_finished_spans(), key=lambda span: span.start_time or 0)

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
        self._began.count = 0

    def points(self, metric: str) -> list[HistogramDataPoint]:
        """The points of a histogram."""
        data = self._reader.get_metrics_data()
        found: list[HistogramDataPoint] = []
        for resource in data.resource_metrics if data is not None else ():
            for scope in resource.scope_metrics:
                for one in scope.metrics:
                    if one.name == metric:
                        found += [point for point in one.data.data_points if isinstance(point, HistogramDataPoint)]
        return found


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
