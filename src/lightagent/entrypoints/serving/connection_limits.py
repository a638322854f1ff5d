"""uvicorn's HTTP protocol with additional limits: on the time and size of headers, and on slow readers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.openai_errors import refusal_object
from lightagent.domain.json_bytes import encode_json
from lightagent.settings.sections.serve import ServeSettings

MOST_HEADER_BYTES: Final = 65_536
"""Size limit of the headers of a request."""

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState


def timed_protocol(settings: ServeSettings) -> type[asyncio.Protocol]:
    """Return a protocol class with the limits of these settings."""

    class TimedProtocol(_TimedProtocol):
        header_seconds = settings.header_seconds
        reader_seconds = settings.reader_seconds
        most_bytes = 2 * settings.image_body_bytes + MOST_HEADER_BYTES

    return TimedProtocol


@runtime_checkable
class _Abortable(Protocol):
    """A transport that can be written to and aborted."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


class _TimedProtocol(asyncio.Protocol):
    """Wraps the protocol that uvicorn has chosen, and watches the events that pass through.

    Attributes:
        header_seconds: time for a client to send the headers.
        reader_seconds: time for which a client may leave the send buffer full.
        most_bytes: size limit of a whole request on the wire, including the overhead of chunked encoding.
    """

    header_seconds = 10.0
    reader_seconds = 60.0
    most_bytes = 100_000_000

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._inner = _made(_PLAIN_ANSWERS, config, server_state, app_state, _loop)
        self._loop = _loop or asyncio.get_running_loop()
        self._transport: _Abortable | None = None
        self._headers: asyncio.TimerHandle | None = None
        self._reader: asyncio.TimerHandle | None = None
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the timer for the headers of the first request."""
        if isinstance(transport, _Abortable):  # Not `asyncio.Transport`, which uvloop's transports do not inherit from.
            self._transport = transport
        self._headers = self._loop.call_later(self.header_seconds, self._cut)
        self._inner.connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop all timers."""
        self._stop_headers()
        self._stop_reader()
        self._inner.connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Check the limits and pass the data on. The first data of each further request start the timer for headers."""
        if self._headers is None and not self._is_busy():
            self._headers = self._loop.call_later(self.header_seconds, self._cut)
            self._size = 0
        self._size += len(data)
        if self._size > self.most_bytes:
            if self._transport is not None:
                self._transport.close()  # After what is in the buffer, such as a 413 response.
            return
        self._inner.data_received(data)
        if self._headers is not None and self._is_busy():
            self._stop_headers()
        elif self._headers is not None and self._size > MOST_HEADER_BYTES and not self._has_answered_early():
            self._stop_headers()
            if self._transport is not None:
                _refuse(self._transport, 431, "The headers are too large.", f"The most is {MOST_HEADER_BYTES} bytes.")

    def eof_received(self) -> None:
        """Pass on that the client has closed its sending side."""
        self._inner.eof_received()

    def pause_writing(self) -> None:
        """Start the timer for slow readers: the send buffer is full."""
        if self._reader is None:
            self._reader = self._loop.call_later(self.reader_seconds, self._cut)
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """Stop the timer for slow readers."""
        self._stop_reader()
        self._inner.resume_writing()

    def _is_busy(self) -> bool:
        """Return whether a request is being answered, that is, its headers are complete."""
        cycle: object = getattr(self._inner, "cycle", None)
        return cycle is not None and not getattr(cycle, "response_complete", False)

    def _has_answered_early(self) -> bool:
        """Return whether the data belong to the body of a refused request, which clients send before they read."""
        cycle: object = getattr(self._inner, "cycle", None)
        return bool(getattr(cycle, "more_body", False))

    def _stop_headers(self) -> None:
        if self._headers is not None:
            self._headers.cancel()
            self._headers = None

    def _stop_reader(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
            self._reader = None

    def _cut(self) -> None:
        """Abort the connection and discard unsent data."""
        if self._transport is not None:
            self._transport.abort()


def _refuse(transport: _Abortable, status: int, message: str, guidance: str) -> None:
    """Send an error response for data that are not a valid request, and close the connection."""
    body = encode_json(refusal_object(RequestRefused(status, message, guidance)))
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    transport.write(head.encode() + body)
    transport.close()


def _not_http(protocol: asyncio.Protocol, message: str) -> None:
    """Answer invalid HTTP with a JSON error; replaces uvicorn's plain-text response."""
    transport: object = getattr(protocol, "transport", None)
    if isinstance(transport, _Abortable):
        _refuse(transport, 400, "This is not an HTTP request.", "Check that the URL is encoded and its scheme is http.")


def _header(protocol: asyncio.Protocol, name: bytes, value: bytes) -> None:
    """Process a header, but ignore trailers: headers after the body would bypass the checks of this server."""
    cycle: object = getattr(protocol, "cycle", None)
    if cycle is None or getattr(cycle, "scope", None) is not getattr(protocol, "scope", None):
        _TAKE_HEADER(protocol, name, value)


_TAKE_HEADER: Final[Callable[[asyncio.Protocol, bytes, bytes], None]] = getattr(
    AutoHTTPProtocol, "on_header", lambda protocol, name, value: None
)
"""The method of uvicorn's httptools protocol; that of h11 does not exist, since h11 limits trailers by itself."""

_PLAIN_ANSWERS: Final[type[asyncio.Protocol]] = type(
    "PlainAnswers", (AutoHTTPProtocol,), {"send_400_response": _not_http, "on_header": _header}
)
"""uvicorn's chosen protocol, changed to answer invalid HTTP in the error format of this server."""


def _made(make: Callable[..., asyncio.Protocol], *arguments: object) -> asyncio.Protocol:
    """Create an instance of a uvicorn protocol; their constructors differ in optional parameters."""
    return make(*arguments)
