"""Exporters over OTLP/gRPC."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs.export import LogRecordExporter
from opentelemetry.sdk.metrics.export import MetricExporter
from opentelemetry.sdk.trace.export import SpanExporter

_SENDER: Final = {"x-sender": "lightagent"}


class GrpcExporters:
    """Makes exporters for one collector.

    Args:
        endpoint: the collector; None: as the environment says, its headers included.
        headers: of every call, with names in lower case.
        timeout: seconds for one export; None: as the environment says.
    """

    def __init__(self, endpoint: str | None, headers: Mapping[str, str], timeout: float | None) -> None:
        self._endpoint = endpoint
        # Without any, the SDK takes those of the environment, which may be the key of another collector.
        self._headers = dict(headers) or (None if endpoint is None else dict(_SENDER))
        self._is_plain = None if endpoint is None else endpoint.startswith("http://")
        self._timeout = timeout

    def spans(self) -> SpanExporter:
        return OTLPSpanExporter(self._endpoint, self._is_plain, headers=self._headers, timeout=self._timeout)

    def events(self) -> LogRecordExporter:
        return OTLPLogExporter(self._endpoint, self._is_plain, headers=self._headers, timeout=self._timeout)

    def metrics(self) -> MetricExporter:
        return OTLPMetricExporter(self._endpoint, self._is_plain, headers=self._headers, timeout=self._timeout)
