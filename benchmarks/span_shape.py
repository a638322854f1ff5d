"""What a run asks of OpenTelemetry, noted once, and the same calls made again without anything of this project's.

So what tracing costs is told apart: what the SDK takes for the same spans, attributes and measurements, in the middle
of a run, and what is our own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from opentelemetry.context import Context
from opentelemetry.metrics import Histogram, Meter, MeterProvider, NoOpHistogram, NoOpMeter
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor, TracerProvider
from opentelemetry.trace import Span as AnySpan
from opentelemetry.trace import SpanKind, Status, Tracer, set_span_in_context
from opentelemetry.util.types import AttributeValue

from lightagent import TelemetrySink
from lightagent.domain.origin import Origin, TraceHeaders
from lightagent.domain.runs.events import Event
from lightagent.ports.telemetry import RunWatch

STEPS = {"run_started", "model_requested", "model_replied", "tool_started", "tool_finished", "run_finished"}
"""The events at which spans begin and end."""

Known: TypeAlias = Mapping[str, AttributeValue]


@dataclass(frozen=True)
class Start:
    """A span begins: below which other, by its place among all, and with what."""

    name: str
    kind: SpanKind
    parent: int | None
    attributes: Known


@dataclass(frozen=True)
class End:
    """The span at a place ends, and what was set after its beginning."""

    place: int
    attributes: Known
    status: Status


@dataclass(frozen=True)
class Record:
    """A histogram takes a value."""

    histogram: str
    value: float
    attributes: Known


Call: TypeAlias = Start | End | Record


@dataclass
class Shape(SpanProcessor):
    """The calls in their order: a processor of spans, and a provider of meters that notes what is recorded.

    Attributes:
        calls: what was asked for.
        bounds: the buckets of each histogram.
    """

    calls: list[Call] = field(default_factory=list)
    bounds: dict[str, Sequence[float] | None] = field(default_factory=dict)
    _places: dict[int, int] = field(default_factory=dict)
    _begun: list[Known] = field(default_factory=list)

    @property
    def tracers(self) -> TracerProvider:
        """A provider whose spans are noted."""
        provider = TracerProvider()
        provider.add_span_processor(self)
        return provider

    @property
    def meters(self) -> MeterProvider:
        """A provider whose measurements are noted."""
        return _NotingProvider(self)

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        attributes = dict(span.attributes or {})
        parent = None if span.parent is None else self._places[span.parent.span_id]
        self._places[span.context.span_id] = len(self._begun)
        self._begun.append(attributes)
        self.calls.append(Start(span.name, span.kind, parent, attributes))

    def on_end(self, span: ReadableSpan) -> None:
        context = span.get_span_context()
        if context is None:
            return
        place = self._places[context.span_id]
        early = self._begun[place]
        late = {name: value for name, value in (span.attributes or {}).items() if early.get(name) != value}
        self.calls.append(End(place, late, span.status))

    def steps(self) -> list[list[Call]]:
        """The calls of each event: one span that begins or ends, and what is recorded then."""
        steps: list[list[Call]] = []
        for call in self.calls:
            if isinstance(call, Record) and steps:
                steps[-1].append(call)
            else:
                steps.append([call])
        return steps


class _NotingProvider(MeterProvider):
    def __init__(self, shape: Shape) -> None:
        self._shape = shape

    def get_meter(self, name: str, *args: object, **kwargs: object) -> Meter:
        return _NotingMeter(self._shape)


class _NotingMeter(NoOpMeter):
    def __init__(self, shape: Shape) -> None:
        super().__init__("noted")
        self._shape = shape

    def create_histogram(
        self,
        name: str,
        unit: str = "",
        description: str = "",
        *,
        explicit_bucket_boundaries_advisory: Sequence[float] | None = None,
    ) -> Histogram:
        self._shape.bounds[name] = explicit_bucket_boundaries_advisory
        return _NotingHistogram(name, self._shape)


class _NotingHistogram(NoOpHistogram):
    def __init__(self, name: str, shape: Shape) -> None:
        super().__init__(name)
        self._known, self._shape = name, shape

    def record(self, amount: float, attributes: Known | None = None, context: Context | None = None) -> None:
        self._shape.calls.append(Record(self._known, amount, dict(attributes or {})))


class IdleSink(TelemetrySink):
    """A sink that does nothing at each event; what it costs is not the SDK's."""

    def watch(self, origin: Origin, known: Sequence[Event]) -> RunWatch:
        return _Idle()


class _Idle(RunWatch):
    def see(self, event: Event) -> None:
        if event.type in STEPS:
            self.step()

    def step(self) -> None:
        """What is done at the event."""

    def trace_headers(self, origin: Origin) -> TraceHeaders:
        return ()


class BareSink(TelemetrySink):
    """The same calls at the same events, with nothing worked out: all was noted before."""

    def __init__(self, shape: Shape, tracers: TracerProvider, meters: MeterProvider) -> None:
        tracer, meter = tracers.get_tracer("bare"), meters.get_meter("bare")
        histograms = {
            name: meter.create_histogram(name, explicit_bucket_boundaries_advisory=bounds)
            for name, bounds in shape.bounds.items()
        }
        self._steps = [[_made(call, tracer, histograms) for call in step] for step in shape.steps()]

    def watch(self, origin: Origin, known: Sequence[Event]) -> RunWatch:
        return _Bare(self._steps)


_Do: TypeAlias = Callable[[list[AnySpan]], None]


class _Bare(_Idle):
    def __init__(self, steps: list[list[_Do]]) -> None:
        self._left = iter(steps)
        self._spans: list[AnySpan] = []

    def step(self) -> None:
        for do in next(self._left):
            do(self._spans)


def _made(call: Call, tracer: Tracer, histograms: Mapping[str, Histogram]) -> _Do:
    match call:
        case Start(name, kind, parent, attributes):

            def start(spans: list[AnySpan]) -> None:
                above = None if parent is None else set_span_in_context(spans[parent])
                spans.append(tracer.start_span(name, above, kind, attributes))

            return start
        case End(place, attributes, status):

            def end(spans: list[AnySpan]) -> None:
                span = spans[place]
                if span.is_recording():
                    if not status.is_unset:
                        span.set_status(status)
                    if attributes:
                        span.set_attributes(attributes)
                span.end()

            return end
        case Record(name, value, attributes):
            histogram = histograms[name]
            return lambda spans: histogram.record(value, attributes)
