"""Runs as OpenTelemetry traces, metrics and events, by the semantic conventions for generative AI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from lightagent.adapters.registry import Adapter
from lightagent.adapters.telemetry.otel.options import OtlpOptions

if TYPE_CHECKING:
    from lightagent.adapters.telemetry.otel.sink import OpenTelemetrySink

_NEEDED: Final = (
    "opentelemetry.sdk",
    "opentelemetry.exporter.otlp.proto.http",
    "opentelemetry.exporter.otlp.proto.grpc",
)


def _open(options: OtlpOptions) -> OpenTelemetrySink:
    from lightagent.adapters.telemetry.otel.exporting_sink import open_sink

    return open_sink(options)


ADAPTER = Adapter(OtlpOptions, _open, requires=_NEEDED, extra="otel")
