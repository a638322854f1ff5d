"""Exporters over OTLP/HTTP."""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Final

from google.protobuf.message import DecodeError
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.sdk._logs.export import LogRecordExporter
from opentelemetry.sdk.metrics.export import MetricExporter
from opentelemetry.sdk.trace.export import SpanExporter
from requests import PreparedRequest, Response, Session
from requests.auth import AuthBase
from requests.utils import get_auth_from_url

from lightagent.adapters.telemetry.otel.export_report import note_answer, note_rejected

_MOST_ANSWER: Final = 100_000
"""Bytes of an answer that is read."""

_OF_EVERY_REQUEST: Final = frozenset(
    {"accept", "accept-encoding", "connection", "content-encoding", "content-length", "content-type", "user-agent"}
)


class HttpExporters:
    """Makes exporters for one collector.

    Args:
        endpoint: the collector, without the path of a signal; None: as the environment says, its headers included.
        headers: of every request, with names in lower case.
        timeout: seconds for one export; None: as the environment says.
    """

    def __init__(self, endpoint: str | None, headers: Mapping[str, str], timeout: float | None) -> None:
        self._endpoint = endpoint
        self._headers = dict(headers)
        self._timeout = timeout

    def spans(self) -> SpanExporter:
        place = self._endpoint and f"{self._endpoint}/v1/traces"
        session = self._session(_rejected_spans)
        return OTLPSpanExporter(place, headers=self._headers, timeout=self._timeout, session=session)

    def metrics(self) -> MetricExporter:
        place = self._endpoint and f"{self._endpoint}/v1/metrics"
        session = self._session(_rejected_points)
        return OTLPMetricExporter(place, headers=self._headers, timeout=self._timeout, session=session)

    def events(self) -> LogRecordExporter:
        place = self._endpoint and f"{self._endpoint}/v1/logs"
        session = self._session(_rejected_events)
        return OTLPLogExporter(place, headers=self._headers, timeout=self._timeout, session=session)

    def _session(self, rejected: Callable[[bytes], int]) -> Session | None:
        """A session of our own. Where the environment names one that proves who asks, the SDK makes that."""
        if self._endpoint is None and any(os.environ.get(name) for name in _CREDENTIAL_VARIABLES):
            return None
        session = _NotingSession(rejected)
        session.auth = _OwnHeaders(None if self._endpoint is None else self._headers)
        return session


_CREDENTIAL_VARIABLES: Final = tuple(
    f"OTEL_PYTHON_EXPORTER_OTLP_HTTP_{signal}CREDENTIAL_PROVIDER" for signal in ("", "TRACES_", "METRICS_", "LOGS_")
)


class _OwnHeaders(AuthBase):
    """Keeps a request to the headers that are meant for its collector.

    The SDK adds those of OTEL_EXPORTER_OTLP_HEADERS to any request. They may be the key of another collector, so they
    go to the one that the environment names, and to no other. As this is what proves who asks, `requests` does not put
    what ``.netrc`` says of the host in the place of the header Authorization.
    """

    def __init__(self, headers: Mapping[str, str] | None) -> None:
        self._headers = headers

    def __call__(self, r: PreparedRequest) -> PreparedRequest:
        if self._headers is not None:
            for name in [*r.headers]:
                if name.lower() not in self._headers and name.lower() not in _OF_EVERY_REQUEST:
                    del r.headers[name]
        user, password = get_auth_from_url(r.url or "")
        if user and "authorization" not in r.headers:
            r.headers["Authorization"] = "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")
        return r


class _NotingSession(Session):
    """Tells the export that is under way what came of each request.

    Args:
        rejected: reads from an answer how much of what was sent the collector did not take. What else it says is not
            read, as it may repeat what it was sent.
    """

    def __init__(self, rejected: Callable[[bytes], int]) -> None:
        super().__init__()
        self._rejected = rejected

    def send(self, request: PreparedRequest, **options: object) -> Response:
        try:
            response = super().send(request, **options)
        except Exception as exc:
            note_answer(exc)
            raise
        note_answer(response.status_code)
        if response.status_code == HTTPStatus.OK and len(response.content) <= _MOST_ANSWER:
            with suppress(DecodeError):  # It answers something else, such as JSON.
                note_rejected(self._rejected(response.content))
        return response


def _rejected_spans(answer: bytes) -> int:
    return int(ExportTraceServiceResponse.FromString(answer).partial_success.rejected_spans)


def _rejected_points(answer: bytes) -> int:
    return int(ExportMetricsServiceResponse.FromString(answer).partial_success.rejected_data_points)


def _rejected_events(answer: bytes) -> int:
    return int(ExportLogsServiceResponse.FromString(answer).partial_success.rejected_log_records)
