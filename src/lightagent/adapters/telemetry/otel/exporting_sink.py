"""A sink with providers of its own, which export over OTLP."""

from __future__ import annotations

from opentelemetry.metrics import NoOpMeterProvider

from lightagent.adapters.telemetry.otel.export import TelemetryExport, content_of
from lightagent.adapters.telemetry.otel.options import OtlpOptions
from lightagent.adapters.telemetry.otel.sink import OpenTelemetrySink
from lightagent.domain.errors import ConfigurationError
from lightagent.ports.flushable_sink import ProbedSink


class ExportingSink(OpenTelemetrySink, ProbedSink):
    """Makes spans with the providers of an export, and has them sent when it is flushed or closed."""

    def __init__(self, options: OtlpOptions, export: TelemetryExport) -> None:
        super().__init__(
            tracer_provider=export.tracer_provider,
            meter_provider=export.meter_provider or NoOpMeterProvider(),
            logger_provider=export.logger_provider,
            content=content_of(options),
            tags=options.tags,
            sum_usage=options.sum_usage,
        )
        self._export = export

    def flush(self, timeout: float) -> bool:
        return self._export.flush(timeout)

    def probe(self, timeout: float) -> str:
        return self._export.probe(timeout)

    @property
    def losses(self) -> str:
        return self._export.losses

    def close(self, timeout: float) -> bool:
        """Send what waits within so many seconds, and end; whether everything was sent."""
        return self._export.close(timeout)


def open_sink(options: OtlpOptions) -> OpenTelemetrySink:
    """A sink with providers of its own; with those that the application has set, where no endpoint is chosen.

    Raises:
        ConfigurationError: the environment names an unknown protocol, or OpenTelemetry refuses what
            another of its variables says.
    """
    if options.endpoint is None and not options.enabled:
        return OpenTelemetrySink(content=content_of(options), tags=options.tags, sum_usage=options.sum_usage)
    try:
        return ExportingSink(options, TelemetryExport(options))
    except ConfigurationError:
        raise
    except ValueError as error:  # All else was checked before; the SDK reads its variables as it is made.
        raise ConfigurationError(
            f"telemetry: OpenTelemetry refuses what its variables say: {error}",
            guidance="Unset the variable, or correct it: OTEL_BSP_… for queues, OTEL_…_LIMIT for limits.",
        ) from error
