"""From options to providers that export over OTLP: none of them is made the application's own."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable, Mapping
from threading import Lock
from time import monotonic
from typing import Final
from urllib.parse import urlsplit

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider

from lightagent.adapters.telemetry._flushing import close_at_exit, was_closed
from lightagent.adapters.telemetry.otel.content import ContentCapture
from lightagent.adapters.telemetry.otel.export_report import ExportReport, Kind
from lightagent.adapters.telemetry.otel.export_ways import EventWay, SpanWay
from lightagent.adapters.telemetry.otel.exporters import MakesExporters, WatchedMetrics
from lightagent.adapters.telemetry.otel.langfuse import as_langfuse_wants, is_langfuse
from lightagent.adapters.telemetry.otel.limited_calls import LimitedCalls
from lightagent.adapters.telemetry.otel.options import ENDPOINT_VARIABLES, PROTOCOL_VARIABLES, OtlpOptions
from lightagent.adapters.telemetry.otel.plain_values import plain_attributes
from lightagent.adapters.telemetry.otel.waiting_spans import catch_up
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.secrets.masking import shown
from lightagent.domain.telemetry.capture import ContentMode

_DEFAULT_NAME: Final = "lightagent"
_NAME: Final = "service.name"


class TelemetryExport:
    """Providers of spans, metrics and events, and what sends them; a run never waits for it.

    It is closed at the end of the process at the latest. A forked child exports on its own.

    Args:
        options: where to, and how.
        monotonic: seconds that never go back, for the line a minute that tells what was lost.

    Attributes:
        tracer_provider: makes spans that are exported.
        meter_provider: makes metrics that are exported; None: metrics are not.
        logger_provider: takes events that are exported; None: events are not, or no content is to be in any.

    Raises:
        ConfigurationError: the environment names an unknown protocol.
        ImportError: a package of the SDK is missing.
    """

    def __init__(self, options: OtlpOptions, monotonic: Callable[[], float] = monotonic) -> None:
        is_for_langfuse = is_langfuse(options)
        if is_for_langfuse:
            options = as_langfuse_wants(options)
        make = _exporters(options)
        resource = _resource(options)
        places = options.queue_size
        self._report = ExportReport(_place(options), monotonic)
        self._spans = SpanWay(make.spans, self._report, resource, places, options.sample_ratio, is_for_langfuse)
        self.tracer_provider: TracerProvider = self._spans.provider
        self._events = EventWay(make.events, self._report, resource, places) if _has_events(options) else None
        self.logger_provider: LoggerProvider | None = None if self._events is None else self._events.provider
        self._metrics = WatchedMetrics(make.metrics, self._report) if options.metrics else None
        self.meter_provider: MeterProvider | None = None
        if self._metrics is not None:
            self.meter_provider = MeterProvider([_Reader(self._metrics)], resource, shutdown_on_exit=False)
        self._calls = LimitedCalls("lightagent-telemetry")
        self._is_closed = False
        close_at_exit(self)

    @property
    def sent(self) -> int:
        """Spans that the collector has taken."""
        return self._report.sent

    @property
    def lost(self) -> int:
        """Spans that were dropped or could not be sent, and exports of metrics that failed."""
        return self._report.lost

    @property
    def losses(self) -> str:
        """What was lost, as it was logged last; empty where nothing was."""
        return self._report.line

    @property
    def waiting(self) -> int:
        """Spans that are neither sent nor given up."""
        return self._spans.waiting

    def flush(self, timeout: float) -> bool:
        """Send what waits, within so many seconds; whether everything was sent. Once it is closed, nothing waits."""
        if self._is_closed:
            return True
        catch_up()
        lost = self._report.lost
        return self._calls.call(self._flush, timeout) and self._report.lost == lost

    def probe(self, timeout: float) -> str:
        """Send one span for a try, within so many seconds; why that failed, or nothing."""
        self.tracer_provider.get_tracer(_DEFAULT_NAME).start_span("lightagent doctor").end()
        return "" if self.flush(timeout) else self._report.reason or "no answer in time"

    def close(self, timeout: float) -> bool:
        """Send what waits within so many seconds, tell what could not be sent, and end; whether everything was sent."""
        if self._is_closed:
            return True
        done = self.flush(timeout)
        self._is_closed = True
        was_closed(self)
        left: dict[Kind, int] = {"span": self._spans.close()}
        if self._events is not None:
            left["event"] = self._events.close()
        if self._metrics is not None:
            self._metrics.shutdown()
        self._report.end(left)
        self._calls.call(self._shut_down, 0.0)  # It waits for the SDK's threads; they and it end with the process.
        self._calls.end()
        return done

    def _flush(self) -> bool:
        done = self.tracer_provider.force_flush()
        if self.logger_provider is not None:
            done = self.logger_provider.force_flush() and done
        return (self.meter_provider is None or self.meter_provider.force_flush()) and done

    def _shut_down(self) -> bool:
        self.tracer_provider.shutdown()
        if self.logger_provider is not None:
            self.logger_provider.shutdown()
        if self.meter_provider is not None:
            self.meter_provider.shutdown()
        return True


class _Reader(PeriodicExportingMetricReader):
    """The SDK's, which in a forked child would wait for good for an export that was under way in the parent."""

    def __init__(self, exporter: MetricExporter) -> None:
        super().__init__(exporter)
        if hasattr(os, "register_at_fork"):  # Windows has no forks.
            begin_anew = weakref.WeakMethod(self._begin_anew)
            os.register_at_fork(after_in_child=lambda: (again := begin_anew()) and again())

    def _begin_anew(self) -> None:
        self._export_lock = Lock()


def _exporters(options: OtlpOptions) -> MakesExporters:
    protocol = options.spoken_protocol()
    arguments = (options.endpoint, options.plain_headers(), options.timeout)
    if protocol == "grpc":
        from lightagent.adapters.telemetry.otel.grpc_exporters import GrpcExporters

        return GrpcExporters(*arguments)
    if protocol == "http/protobuf":
        from lightagent.adapters.telemetry.otel.http_exporters import HttpExporters

        return HttpExporters(*arguments)
    raise ConfigurationError(
        f"{' or '.join(PROTOCOL_VARIABLES)}: {shown(protocol)} is not spoken.",
        guidance="Use http/protobuf or grpc.",
    )


def content_of(options: OtlpOptions) -> ContentCapture:
    """What of texts is captured, as is chosen or as the environment says."""
    if options.content is None:
        return ContentCapture.from_environment()
    return ContentCapture(ContentMode(options.content))


def _has_events(options: OtlpOptions) -> bool:
    return options.logs and content_of(options).as_events


def _resource(options: OtlpOptions) -> Resource:
    """What is set here over what the environment says of this process."""
    attributes: Mapping[str, str | bool | int | float] = options.resource
    if options.service_name is not None:
        attributes = {**attributes, _NAME: options.service_name}
    made = Resource.create(plain_attributes(attributes))
    if str(made.attributes.get(_NAME, "")).startswith("unknown_service"):
        made = made.merge(Resource({_NAME: _DEFAULT_NAME}))
    return made


def _place(options: OtlpOptions) -> str:
    """Where exports go, as it may be shown: a path or a user may hold a key."""
    named = options.endpoint or next(filter(None, map(os.environ.get, ENDPOINT_VARIABLES)), "")
    if not named:
        return "the collector on this machine"
    parts = urlsplit(named)
    return parts.hostname or "the collector"
