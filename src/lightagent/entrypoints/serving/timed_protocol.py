"""The HTTP protocol of uvicorn with limits that it lacks: for the time and size of headers, and for slow readers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from uvicorn.protocols.http.auto import AutoHTTPProtocol

from lightagent.application.serving.openai_errors import refusal_object
from lightagent.application.serving.refusals import RequestRefused
from lightagent.domain.json_bytes import encode_json
from lightagent.settings.serve_schema import ServeSettings

MOST_HEADER_BYTES: Final = 65_536
"""The size of the headers of a request."""

if TYPE_CHECKING:
    from uvicorn.config import Config
    from uvicorn.server import ServerState


def timed_protocol(settings: ServeSettings) -> type[asyncio.Protocol]:
    """The protocol with the limits of these settings."""

    class TimedProtocol(_TimedProtocol):
        header_seconds = settings.header_seconds
        reader_seconds = settings.reader_seconds
        most_bytes = 2 * settings.image_body_bytes + MOST_HEADER_BYTES

    return TimedProtocol


@runtime_checkable
class _Abortable(Protocol):
    """A transport that can be written to, and ended at once."""

    def write(self, data: bytes) -> None: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


class _TimedProtocol(asyncio.Protocol):
    """Stands around the protocol that uvicorn has chosen, and sees what it is told.

    Attributes:
        most_bytes: of a request as it is sent, which may have its body in pieces with the size of each before it.
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
            self._size = 0
        self._size += len(data)
        if self._size > self.most_bytes:
            if self._transport is not None:
                self._transport.close()  # After what was written to it, such as the answer that it is too much.
            return
        self._inner.data_received(data)
        if self._headers is not None and self._is_busy():
            self._stop_headers()
        elif self._headers is not None and self._size > MOST_HEADER_BYTES and not self._has_answered_early():
            self._stop_headers()
            if self._transport is not None:
                _refuse(self._transport, 431, "The headers are too large.", f"The most is {MOST_HEADER_BYTES} bytes.")

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

    def _has_answered_early(self) -> bool:
        """Whether what comes is the rest of a body whose request was refused: clients read once they have sent it."""
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
        """End the connection at once, whatever waits to be sent."""
        if self._transport is not None:
            self._transport.abort()


def _refuse(transport: _Abortable, status: int, message: str, guidance: str) -> None:
    """Answer what is no request that an application could, and close the connection."""
    body = encode_json(refusal_object(RequestRefused(status, message, guidance)))
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
    )
    transport.write(head.encode() + body)
    transport.close()


def _not_http(protocol: asyncio.Protocol, message: str) -> None:
    """In the place of uvicorn's answer, which is plain text."""
    transport: object = getattr(protocol, "transport", None)
    if isinstance(transport, _Abortable):
        _refuse(transport, 400, "This is no request of HTTP.", "Is the address encoded, and the scheme http?")


def _header(protocol: asyncio.Protocol, name: bytes, value: bytes) -> None:
    """Take a header, but none that comes behind the body: there it would be one that nobody has checked."""
    cycle: object = getattr(protocol, "cycle", None)
    if cycle is None or getattr(cycle, "scope", None) is not getattr(protocol, "scope", None):
        _TAKE_HEADER(protocol, name, value)


_TAKE_HEADER: Final[Callable[[asyncio.Protocol, bytes, bytes], None]] = getattr(
    AutoHTTPProtocol, "on_header", lambda protocol, name, value: None
)
"""Of httptools; h11 has a limit of its own for what comes behind the body."""

_PLAIN_ANSWERS: Final[type[asyncio.Protocol]] = type(
    "PlainAnswers", (AutoHTTPProtocol,), {"send_400_response": _not_http, "on_header": _header}
)
"""The protocol that uvicorn has chosen, which answers what it cannot read as the rest of the server does."""


def _made(make: Callable[..., asyncio.Protocol], *arguments: object) -> asyncio.Protocol:
    """One of the protocols of uvicorn, which differ in what else they take."""
    return make(*arguments)
