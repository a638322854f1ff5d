"""A collector of OTLP in this process, over HTTP or gRPC, that keeps what it is sent and can be told to misbehave."""

from __future__ import annotations

import gzip
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Literal

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsPartialSuccess,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.servers.in_thread import serving

Mode = Literal["ok", "slow", "hung", "hung at first", "refusing", "limiting", "moved", "reset", "dripping"]
"""Answers; answers after 0.3 s; never answers, or all requests but the first; says 500; says 429; says 301; resets the
connection; answers a byte at a time, for good."""

Value = object
STATUS = {"refusing": 500, "limiting": 429, "moved": 301}
SLOW_SECONDS = 0.3


@dataclass
class Received:
    """One request that was taken."""

    path: str
    headers: Mapping[str, str]
    spans: Sequence[Span] = ()
    metrics: Sequence[Metric] = ()
    events: Sequence[LogRecord] = ()
    size: int = 0
    resource: Mapping[str, Value] = field(default_factory=dict)


class Collector:
    """What a collector was sent.

    Attributes:
        url: where it is.
        mode: how it behaves; may be changed at any time.
        asked: requests that came, whatever became of them.
        most: bytes of a request that it takes, over HTTP; it says 413 to larger ones.
        rejected: how much of each request it says that it rejected.
    """

    def __init__(self, url: str = "") -> None:
        self.url = url
        self.mode: Mode = "ok"
        self.asked = 0
        self.most = 64_000_000
        self.rejected = 0
        self.requests: list[Received] = []
        self.end = threading.Event()

    @property
    def spans(self) -> list[Span]:
        """All spans that were taken."""
        return [span for request in self.requests for span in request.spans]

    @property
    def metrics(self) -> dict[str, Metric]:
        """The newest sums of each metric."""
        return {metric.name: metric for request in self.requests for metric in request.metrics}

    def behave(self) -> None:
        """Wait as the mode says, until the test ends at the longest."""
        self.asked += 1
        if self.mode == "slow":
            time.sleep(SLOW_SECONDS)
        hangs = self.mode == "hung" or (self.mode == "hung at first" and self.asked == 1)
        while hangs and self.mode.startswith("hung") and not self.end.wait(0.02):
            pass

    @property
    def events(self) -> list[LogRecord]:
        """All events that were taken."""
        return [event for request in self.requests for event in request.events]

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        """Keep a request of any signal; the answer."""
        take = self._take_metrics
        if path.endswith("/traces"):
            take = self._take_spans
        elif path.endswith("/logs"):
            take = self._take_events
        return take(path, headers, body)

    def _take_spans(self, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        traces = ExportTraceServiceRequest.FromString(body)
        spans = [span for one in traces.resource_spans for scope in one.scope_spans for span in scope.spans]
        told = values(traces.resource_spans[0].resource.attributes) if traces.resource_spans else {}
        self.requests.append(Received(path, headers, spans=spans, size=len(body), resource=told))
        partly = (
            ExportTracePartialSuccess(rejected_spans=self.rejected, error_message="not these")
            if self.rejected
            else None
        )
        return ExportTraceServiceResponse(partial_success=partly).SerializeToString()

    def _take_metrics(self, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        sums = ExportMetricsServiceRequest.FromString(body)
        metrics = [metric for one in sums.resource_metrics for scope in one.scope_metrics for metric in scope.metrics]
        told = values(sums.resource_metrics[0].resource.attributes) if sums.resource_metrics else {}
        self.requests.append(Received(path, headers, metrics=metrics, size=len(body), resource=told))
        partly = ExportMetricsPartialSuccess(rejected_data_points=self.rejected) if self.rejected else None
        return ExportMetricsServiceResponse(partial_success=partly).SerializeToString()

    def _take_events(self, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        logs = ExportLogsServiceRequest.FromString(body)
        events = [event for one in logs.resource_logs for scope in one.scope_logs for event in scope.log_records]
        told = values(logs.resource_logs[0].resource.attributes) if logs.resource_logs else {}
        self.requests.append(Received(path, headers, events=events, size=len(body), resource=told))
        partly = ExportLogsPartialSuccess(rejected_log_records=self.rejected) if self.rejected else None
        return ExportLogsServiceResponse(partial_success=partly).SerializeToString()


def values(attributes: Sequence[KeyValue]) -> dict[str, Value]:
    """Attributes as plain values."""
    return {one.key: _value(one.value) for one in attributes}


def _value(value: AnyValue) -> Value:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    if kind == "kvlist_value":
        return values(value.kvlist_value.values)
    return getattr(value, kind) if kind else None


@contextmanager
def http_collector() -> Iterator[Collector]:
    """A collector over HTTP; what it says comes after the body was read, as a real one does it."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.behave()
            while collector.mode == "dripping" and not collector.end.wait(0.02):
                self.wfile.write(b"H")
            if collector.mode in ("hung", "reset"):
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()
                return
            status = STATUS.get(collector.mode, 200 if len(body) <= collector.most else 413)
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = collector.take(self.path, headers, body) if status == 200 else b""
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is printed."""

    with serving(Handler) as address:
        collector.url = f"http://{address}"
        try:
            yield collector
        finally:
            collector.end.set()


@contextmanager
def grpc_collector() -> Iterator[Collector]:
    """A collector over gRPC."""
    collector = Collector()

    def taking(path: str) -> grpc.RpcMethodHandler:
        def export(body: bytes, context: grpc.ServicerContext) -> bytes:
            collector.behave()
            if collector.mode not in ("ok", "slow", "hung at first"):
                busy = collector.mode == "limiting"
                context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED if busy else grpc.StatusCode.INTERNAL, "refused")
            return collector.take(path, {name: str(value) for name, value in context.invocation_metadata()}, body)

        return grpc.unary_unary_rpc_method_handler(export)  # Without a codec of its own: it takes and gives bytes.

    server = grpc.server(ThreadPoolExecutor(8))
    services = {
        "traces": "trace.v1.TraceService",
        "metrics": "metrics.v1.MetricsService",
        "logs": "logs.v1.LogsService",
    }
    for signal, service in services.items():
        name = f"opentelemetry.proto.collector.{service}"
        handler = grpc.method_handlers_generic_handler(name, {"Export": taking(f"/{signal}")})
        server.add_generic_rpc_handlers((handler,))
    collector.url = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield collector
    finally:
        collector.end.set()
        server.stop(0).wait()
