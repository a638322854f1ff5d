"""An OpenTelemetry SDK that keeps what it is given, and a sink before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from opentelemetry._logs import LogRecord
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, Metric
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.util.types import AttributeValue

from lightagent.adapters.telemetry.otel.content import ContentCapture
from lightagent.adapters.telemetry.otel.sink import OpenTelemetrySink

OPERATION: Final = "gen_ai.operation.name"


class Started(SpanProcessor):
    """Counts the spans that were started."""

    def __init__(self) -> None:
        self.count = 0

    def on_start(self, span: Span, parent_context: object = None) -> None:
        self.count += 1


@dataclass
class SeenSpans:
    """What a sink tells, by an SDK of its own.

    Attributes:
        sink: to be passed to agents.
        tracers: its tracer provider.
    """

    exporter: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)
    reader: InMemoryMetricReader = field(default_factory=InMemoryMetricReader)
    starts: Started = field(default_factory=Started)
    content: ContentCapture = field(default_factory=ContentCapture)
    logs: InMemoryLogRecordExporter = field(default_factory=InMemoryLogRecordExporter)
    tracers: TracerProvider = field(init=False)
    sink: OpenTelemetrySink = field(init=False)

    def __post_init__(self) -> None:
        self.tracers = TracerProvider()
        self.tracers.add_span_processor(self.starts)
        self.tracers.add_span_processor(SimpleSpanProcessor(self.exporter))
        meters = MeterProvider(metric_readers=[self.reader])
        loggers = LoggerProvider()
        loggers.add_log_record_processor(SimpleLogRecordProcessor(self.logs))
        self.sink = OpenTelemetrySink(
            tracer_provider=self.tracers, meter_provider=meters, logger_provider=loggers, content=self.content
        )

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        """Those that have ended, in that order."""
        return self.exporter.get_finished_spans()

    def of(self, operation: str) -> list[ReadableSpan]:
        """The spans of one operation, such as ``chat``."""
        return [span for span in self.spans if attribute(span, OPERATION) == operation]

    @property
    def events(self) -> list[LogRecord]:
        """The events that were emitted beside the spans."""
        return [one.log_record for one in self.logs.get_finished_logs()]

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that were recorded."""
        data = self.reader.get_metrics_data()
        if data is None:
            return []
        return [one for resource in data.resource_metrics for scope in resource.scope_metrics for one in scope.metrics]


def attribute(span: ReadableSpan, name: str) -> AttributeValue | None:
    """An attribute of a span."""
    return (span.attributes or {}).get(name)


def parent_of(span: ReadableSpan, spans: Sequence[ReadableSpan]) -> ReadableSpan | None:
    """The span that a span is below of."""
    if span.parent is None:
        return None
    return next(one for one in spans if one.context is not None and one.context.span_id == span.parent.span_id)


def tree(spans: Sequence[ReadableSpan]) -> dict[str, list[str]]:
    """The names of the spans below each span, by its name; those without a parent are below an empty one."""
    found: dict[str, list[str]] = {}
    for span in sorted(spans, key=lambda one: one.start_time or 0):
        parent = parent_of(span, spans)
        found.setdefault(parent.name if parent else "", []).append(span.name)
    return found
