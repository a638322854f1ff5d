"""The HTTP protocol of uvicorn with two limits of time that it lacks: for headers, and for clients that do not read."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from lightagent.settings.serve_schema import ServeSettings

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState


def timed_protocol(settings: ServeSettings) -> type[asyncio.Protocol]:
    """The protocol with the limits of these settings."""

    class TimedProtocol(_TimedProtocol):
        header_seconds = settings.header_seconds
        reader_seconds = settings.reader_seconds

    return TimedProtocol


@runtime_checkable
class _Abortable(Protocol):
    """A transport that can be ended at once."""

    def abort(self) -> None: ...


class _TimedProtocol(asyncio.Protocol):
    """Stands around the protocol that uvicorn has chosen, and sees what it is told."""

    header_seconds = 10.0
    reader_seconds = 60.0

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._inner = _made(AutoHTTPProtocol, config, server_state, app_state, _loop)
        self._loop = _loop or asyncio.get_running_loop()
        self._transport: _Abortable | None = None
        self._headers: asyncio.TimerHandle | None = None
        self._reader: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected: its request is to come soon."""
        if isinstance(transport, _Abortable):  # Not `asyncio.Transport`: those of uvloop are none.
            self._transport = transport
        self._headers = self._loop.call_later(self.header_seconds, self._cut)
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        self._stop_headers()
        self._stop_reader()
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A part of a request: between two requests the headers of the next are to come soon once they begin."""
        if self._headers is None and not self._is_busy():
            self._headers = self._loop.call_later(self.header_seconds, self._cut)
        self._inner.data_received(data)
        if self._headers is not None and self._is_busy():
            self._stop_headers()

    def eof_received(self) -> None:
        """The client sends nothing more."""
        self._inner.eof_received()

    def pause_writing(self) -> None:
        """The client takes nothing: what is for it fills the buffer."""
        if self._reader is None:
            self._reader = self._loop.call_later(self.reader_seconds, self._cut)
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """It takes something again."""
        self._stop_reader()
        self._inner.resume_writing()

    def _is_busy(self) -> bool:
        """Whether a request is under way, whose headers have come."""
        cycle: object = getattr(self._inner, "cycle", None)
        return cycle is not None and not getattr(cycle, "response_complete", False)

    def _stop_headers(self) -> None:
        if self._headers is not None:
            self._headers.cancel()
            self._headers = None

    def _stop_reader(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    def _cut(self) -> None:
        """End the connection at once, whatever waits to be sent."""
        if self._transport is not None:
            self._transport.abort()


def _made(make: Callable[..., asyncio.Protocol], *arguments: object) -> asyncio.Protocol:
    """One of the protocols of uvicorn, which differ in what else they take."""
    return make(*arguments)
