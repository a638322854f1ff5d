"""Requests to a server, by the semantic conventions for HTTP, and how many runs it carries out.

The server makes no span of its own: runs stand below the span of the caller, which `traceparent` names. Where the
application has something that instruments the server, that has made a span, and measures; here is nothing to do then.
"""

from __future__ import annotations

import time
import weakref
from collections.abc import Iterable
from contextvars import Token
from threading import Lock
from typing import Final

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.metrics import CallbackOptions, Histogram, Meter, NoOpMeter, Observation, UpDownCounter
from opentelemetry.trace import get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from lightagent.adapters.telemetry.otel.plain_values import Attributes
from lightagent.ports.server_telemetry import LoadedServer, RequestHead, RequestWatch, ServerLoad

REQUEST_DURATION: Final = "http.server.request.duration"
ACTIVE_REQUESTS: Final = "http.server.active_requests"
RUNS: Final = "lightagent.server.runs"
WAITING_RUNS: Final = "lightagent.server.waiting_runs"

METHOD: Final = "http.request.method"
SCHEME: Final = "url.scheme"
ROUTE: Final = "http.route"
STATUS: Final = "http.response.status_code"
PROTOCOL_VERSION: Final = "network.protocol.version"
ERROR_TYPE: Final = "error.type"

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""The bounds that the conventions recommend."""

_METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
"""Those that are told by name: clients may write any, and each would be a series of its own."""

_TRACE: Final = TraceContextTextMapPropagator()
"""Baggage of strangers is not taken: it would go on to whatever is asked during the run."""

_TRACE_HEADERS: Final = {b"traceparent": "traceparent", b"tracestate": "tracestate"}


class ServerInstruments:
    """The instruments of one meter, for any number of servers."""

    def __init__(self, meter: Meter) -> None:
        self._servers: weakref.WeakSet[LoadedServer] = weakref.WeakSet()
        self._lock = Lock()  # Metrics are collected in a thread of their own.
        self.is_idle: bool = type(meter) is NoOpMeter  # Another one of that kind may do something.
        self.duration: Histogram = meter.create_histogram(
            REQUEST_DURATION,
            "s",
            "Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self.active: UpDownCounter = meter.create_up_down_counter(
            ACTIVE_REQUESTS, "{request}", "HTTP requests under way."
        )
        meter.create_observable_up_down_counter(RUNS, [self._running], "{run}", "Runs that go on.")
        meter.create_observable_up_down_counter(
            WAITING_RUNS, [self._waiting], "{run}", "Runs that wait for others to end."
        )

    def know(self, server: LoadedServer) -> None:
        """Tell of this server's runs as well."""
        if server not in self._servers:
            with self._lock:
                self._servers.add(server)

    def _running(self, _options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(sum(load.going for load in self._loads()))]

    def _waiting(self, _options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(sum(load.waiting for load in self._loads()))]

    def _loads(self) -> list[ServerLoad]:
        with self._lock:
            return [server.load() for server in self._servers]


def begin_request(instruments: ServerInstruments, head: RequestHead, server: LoadedServer) -> RequestWatch | None:
    """Begin to watch a request; None where a span is current, since then something watches the server already."""
    instruments.know(server)
    if get_current_span().get_span_context().is_valid:
        return None
    carrier = {_TRACE_HEADERS[name]: value.decode("latin-1") for name, value in head.headers if name in _TRACE_HEADERS}
    return _Request(instruments, head, _TRACE.extract(carrier) if carrier else None)


class _Request(RequestWatch):
    """One request.

    Args:
        caller: holds the caller's span, if the request names one.
    """

    __slots__ = ("_began", "_instruments", "_request", "_token", "_version")

    def __init__(self, instruments: ServerInstruments, head: RequestHead, caller: Context | None) -> None:
        self._instruments = instruments
        method = head.method if head.method in _METHODS else "_OTHER"
        self._request: Attributes = {METHOD: method, SCHEME: head.scheme}
        self._version = head.version
        self._token: Token[Context] | None = None if caller is None else otel_context.attach(caller)
        if not instruments.is_idle:
            instruments.active.add(1, self._request)
        self._began = time.perf_counter()

    def ended(self, status: int, route: str, error_type: str = "") -> None:
        if self._token is not None:
            otel_context.detach(self._token)
        if self._instruments.is_idle:
            return
        seconds = time.perf_counter() - self._began
        self._instruments.active.add(-1, self._request)
        told: Attributes = {**self._request, PROTOCOL_VERSION: self._version}
        if status:
            told[STATUS] = status
        if route:
            told[ROUTE] = route
        if error_type or status >= 500:
            told[ERROR_TYPE] = error_type or str(status)
        self._instruments.duration.record(seconds, told)
