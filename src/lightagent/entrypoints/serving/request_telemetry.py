"""Report requests to telemetry: their duration, and the trace that their runs belong to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lightagent.ports.server_telemetry import LoadedServer, RequestHead, RequestWatch, ServerSink

_SERVER_FAULT: Final = 500


class RequestTelemetry:
    """ASGI middleware that reports each request to a telemetry sink, if there is one.

    Args:
        find_sink: returns the sink, or None; called for each request, since an application may set its telemetry
            providers at any time.
        server: the server whose active and waiting runs are measured.
    """

    def __init__(self, app: ASGIApp, find_sink: Callable[[], ServerSink | None], server: LoadedServer) -> None:
        self._app = app
        self._find_sink = find_sink
        self._server = server

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request with the inner application and report it."""
        sink = self._find_sink()
        if sink is None or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        watch = sink.watch_request(_head(scope), self._server)
        await (self._app(scope, receive, send) if watch is None else self._watched(watch, scope, receive, send))

    async def _watched(self, watch: RequestWatch, scope: Scope, receive: Receive, send: Send) -> None:
        status = 0

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        error_type = ""
        try:
            await self._app(scope, receive, note_status)
        except Exception as error:
            status, error_type = status or _SERVER_FAULT, type(error).__name__
            raise
        finally:
            watch.ended(status, _route(scope), error_type)


def _head(scope: Scope) -> RequestHead:
    return RequestHead(scope["method"], scope.get("scheme", "http"), scope.get("http_version", "1.1"), scope["headers"])


def _route(scope: Scope) -> str:
    """Return the path template of the route. With ids in the path each request would be a time series of its own."""
    route: object = scope.get("route")
    return f"{scope.get('root_path', '')}{route.path_format}" if isinstance(route, Route) else ""
