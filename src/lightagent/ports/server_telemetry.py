"""The part of the port to telemetry that is about the server: it sees requests, and never influences them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from lightagent.ports.telemetry import TelemetrySink


@dataclass(frozen=True, slots=True)
class ServerLoad:
    """How much a server has to do.

    Attributes:
        going: runs in progress.
        waiting: runs that wait for others to end.
    """

    going: int
    waiting: int


class LoadedServer(Protocol):
    """Reports the load of a server. A sink that is given one must not keep it alive."""

    def load(self) -> ServerLoad:
        """Return the current load; may be called from any thread."""
        ...


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What is known of a request on its arrival.

    Attributes:
        method: the HTTP method, as the client wrote it.
        scheme: http or https.
        version: the HTTP version, such as ``1.1``.
        headers: names, in lower case, and values.
    """

    method: str
    scheme: str
    version: str
    headers: Sequence[tuple[bytes, bytes]]


class RequestWatch(Protocol):
    """Watches one request, in whose task it was begun. What is asked for meanwhile belongs to the caller's trace."""

    def ended(self, status: int, route: str, error_type: str = "") -> None:
        """The request was answered to the last byte, or its client disconnected.

        Args:
            status: the HTTP status; 0 if none was sent.
            route: the declared path with placeholders, not their values; empty if no route matched.
            error_type: the class of an unhandled exception.
        """
        ...


@runtime_checkable
class ServerSink(TelemetrySink, Protocol):
    """A sink that sees requests to a server."""

    def watch_request(self, head: RequestHead, server: LoadedServer) -> RequestWatch | None:
        """Begin to watch a request; None if something else watches the server's requests already.

        Args:
            server: the server whose load is reported from now on, for as long as it exists.
        """
        ...
