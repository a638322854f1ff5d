"""Runs as traces and measurements of OpenTelemetry, by the semantic conventions for generative AI."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from opentelemetry import context as otel_context
from opentelemetry._logs import LoggerProvider
from opentelemetry.context import Context
from opentelemetry.metrics import MeterProvider, NoOpMeterProvider
from opentelemetry.trace import NoOpTracerProvider, TracerProvider, get_current_span

from lightagent.adapters.telemetry._set_providers import set_meters, set_tracers
from lightagent.adapters.telemetry.otel.attribute_names import names
from lightagent.adapters.telemetry.otel.content import ContentCapture
from lightagent.adapters.telemetry.otel.elsewhere_spans import AttemptWatch, CalledFlowWatch
from lightagent.adapters.telemetry.otel.flow_spans import OpenTelemetryFlowWatch
from lightagent.adapters.telemetry.otel.http_requests import begin_request
from lightagent.adapters.telemetry.otel.kit import Kit
from lightagent.adapters.telemetry.otel.limited_calls import LimitedCalls
from lightagent.adapters.telemetry.otel.metrics import Metrics
from lightagent.adapters.telemetry.otel.run_watch import OpenTelemetryWatch
from lightagent.adapters.telemetry.otel.spans import Spans
from lightagent.adapters.telemetry.otel.waiting_spans import catch_up
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.events import FlowEvent
from lightagent.domain.origin import Origin
from lightagent.domain.runs.events import Event
from lightagent.domain.telemetry.tags import checked_tags
from lightagent.ports.flow_telemetry import ElsewhereSink
from lightagent.ports.flushable_sink import FlushableSink
from lightagent.ports.server_telemetry import LoadedServer, RequestHead, RequestWatch, ServerSink
from lightagent.ports.telemetry import PreparedSink, TracingSink

_SCOPE: Final = "lightagent"
_NO_TRACERS: Final = NoOpTracerProvider()
_NO_METERS: Final = NoOpMeterProvider()


class OpenTelemetrySink(TracingSink, FlushableSink, ServerSink):
    """Makes spans and measurements of the runs of any number of agents.

    An application that has set its providers needs no sink of its own: its agents are traced with them. This one is
    for other providers, or for what its arguments say.

    Args:
        tracer_provider: makes the spans; None: the one that the application has set, also if it does so later.
        meter_provider: records the measurements; None: likewise.
        logger_provider: takes the events that hold texts, where `content` wants events; None: likewise.
        content: what of texts is kept; None: as ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`` says, which by
            default is nothing.
        tags: put on every span, before those of a run; at most 32.
        sum_usage: put the sum of a run's tokens on its invoke_agent span as well. A backend that adds up all spans
            would then count each token twice.

    Raises:
        ConfigurationError: a value is of another type, or there are too many tags.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        logger_provider: LoggerProvider | None = None,
        content: ContentCapture | None = None,
        tags: tuple[str, ...] = (),
        sum_usage: bool = False,
    ) -> None:
        _check("tracer_provider", tracer_provider, "get_tracer")
        _check("meter_provider", meter_provider, "get_meter")
        _check("logger_provider", logger_provider, "get_logger")
        given: object = content
        if given is not None and not isinstance(given, ContentCapture):
            raise ConfigurationError(
                f"content must be a ContentCapture, got {type(given).__name__}.",
                guidance="Such as ContentCapture(ContentMode.SPAN_ONLY).",
            )
        self._tracer_provider = tracer_provider
        self._meter_provider = meter_provider
        self._logger_provider = logger_provider
        self._content = ContentCapture.from_environment() if content is None else content
        self._tags = checked_tags(tags, "tags")
        self._sum_usage = sum_usage
        self._kit: tuple[TracerProvider, MeterProvider, Kit] | None = None
        self._flushes: LimitedCalls | None = None

    def prepare(self) -> PreparedSink:
        return _Called(self._current_kit(), otel_context.get_current())

    def watch(self, origin: Origin, known: Sequence[Event]) -> OpenTelemetryWatch:
        return _Called(self._current_kit(), otel_context.get_current()).watch(origin, known)

    def watch_request(self, head: RequestHead, server: LoadedServer) -> RequestWatch | None:
        return begin_request(self._current_kit().server, head, server)

    def flush(self, timeout: float) -> bool:
        """Have the providers send what waits, within so many seconds; whether they said that they did."""
        catch_up()
        tracers, meters, _ = self._kit or (None, None, None)
        if self._flushes is None:
            self._flushes = LimitedCalls("lightagent-flush")
        providers = (tracers, meters, self._logger_provider)
        # All of them, whatever came of one.
        return self._flushes.call(lambda: False not in list(map(_flushed, providers)), timeout)

    def _current_kit(self) -> Kit:
        """The kit for the providers as they are now."""
        tracers, meters = self._tracer_provider, self._meter_provider
        if tracers is None:
            tracers = found if isinstance(found := set_tracers(), TracerProvider) else _NO_TRACERS
        if meters is None:
            meters = known if isinstance(known := set_meters(), MeterProvider) else _NO_METERS
        kept = self._kit
        if kept is None or kept[0] is not tracers or kept[1] is not meters:
            kept = tracers, meters, self._made_kit(tracers, meters)
            self._kit = kept
        return kept[2]

    def _made_kit(self, tracers: TracerProvider, meters: MeterProvider) -> Kit:
        known = names()
        tracer = tracers.get_tracer(_SCOPE, _version(), known.schema_url)
        meter = meters.get_meter(_SCOPE, _version(), known.schema_url)
        spans, metrics, content = Spans(tracer, known), Metrics(meter, known), replace(self._content, names=known)
        return Kit(spans, metrics, content, meter, self._tags, self._sum_usage, self._logger_provider)


def sink_for(tracers: object, meters: object) -> OpenTelemetrySink:
    """The sink for the providers that an application has set; where it has set only one, the other records nothing."""
    return OpenTelemetrySink(
        tracer_provider=tracers if isinstance(tracers, TracerProvider) else _NO_TRACERS,
        meter_provider=meters if isinstance(meters, MeterProvider) else _NO_METERS,
    )


def _check(name: str, provider: object, method: str) -> None:
    if provider is not None and (isinstance(provider, type) or not callable(getattr(provider, method, None))):
        raise ConfigurationError(
            f"{name}: expected an object with {method}, got {type(provider).__name__}.",
            guidance="Pass a provider of OpenTelemetry's, or leave it out.",
        )


def _flushed(provider: object) -> bool:
    flush: object = getattr(provider, "force_flush", None)  # Of the SDK; the API knows no such thing.
    return not callable(flush) or flush() is not False


class _Called(PreparedSink, ElsewhereSink):
    """The sink as it is for one run, which knows where the run is called."""

    __slots__ = ("_ambient", "_kit")

    def __init__(self, kit: Kit, ambient: Context) -> None:
        self._kit = kit
        self._ambient = ambient

    @property
    def trace_id(self) -> str:
        context = get_current_span(self._ambient).get_span_context()
        return f"{context.trace_id:032x}" if context.is_valid else ""

    def watch(self, origin: Origin, known: Sequence[Event]) -> OpenTelemetryWatch:
        catch_up()
        return OpenTelemetryWatch(self._kit, self._ambient, known)

    def watch_flow(self, known: Sequence[FlowEvent]) -> OpenTelemetryFlowWatch:
        catch_up()
        return OpenTelemetryFlowWatch(self._kit, self._ambient, known)

    def watch_called(self, known: Sequence[FlowEvent]) -> CalledFlowWatch:
        catch_up()
        return CalledFlowWatch(self._kit, self._ambient, known)

    def watch_attempt(self, known: Sequence[FlowEvent]) -> AttemptWatch:
        catch_up()
        return AttemptWatch(self._kit, self._ambient, known)


def _version() -> str | None:
    try:
        return version("lightagent")
    except PackageNotFoundError:
        return None
