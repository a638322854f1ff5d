"""Runs as OpenTelemetry traces, metrics and events, by the semantic conventions for generative AI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lightagent.adapters.registry import Adapter
from lightagent.adapters.telemetry.otel.options import OtlpOptions

if TYPE_CHECKING:
    from lightagent.adapters.telemetry.otel.sink import OpenTelemetrySink as OpenTelemetrySink

_NEEDED: Final = (
    "opentelemetry.sdk",
    "opentelemetry.exporter.otlp.proto.http",
    "opentelemetry.exporter.otlp.proto.grpc",
)


def _open(options: OtlpOptions) -> OpenTelemetrySink:
    from lightagent.adapters.telemetry.otel.exporting_sink import open_sink

    return open_sink(options)


if not TYPE_CHECKING:  # To a type checker every misspelt name would be an object.

    def __getattr__(name: str) -> object:
        """The sink of this package, or what stands for it where OpenTelemetry is not installed."""
        if name != "OpenTelemetrySink":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            from lightagent.adapters.telemetry.otel.sink import OpenTelemetrySink
        except ModuleNotFoundError as exc:
            if (exc.name or "").partition(".")[0] != "opentelemetry":
                raise
            from lightagent.adapters.telemetry.otel.absent_sink import AbsentSink

            return AbsentSink
        return OpenTelemetrySink


ADAPTER = Adapter(OtlpOptions, _open, requires=_NEEDED, extra="otel")
