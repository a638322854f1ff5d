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
        going: runs that go on.
        waiting: runs that wait for others to end.
    """

    going: int
    waiting: int


class LoadedServer(Protocol):
    """Tells how much a server has to do. Whoever is given it does not keep it alive."""

    def load(self) -> ServerLoad:
        """At this moment; any thread may ask."""
        ...


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What is known of a request once it has come.

    Attributes:
        method: of HTTP, as the client wrote it.
        scheme: http or https.
        version: of HTTP, such as ``1.1``.
        headers: names, in lower case, and values.
    """

    method: str
    scheme: str
    version: str
    headers: Sequence[tuple[bytes, bytes]]


class RequestWatch(Protocol):
    """Watches one request, in whose task it was begun. What is asked for meanwhile belongs to the caller's trace."""

    def ended(self, status: int, route: str, error_type: str = "") -> None:
        """It is answered, to the last byte, or its client has left.

        Args:
            status: of HTTP; 0 where none was sent.
            route: the address as it is declared, without what is in its place; empty where there is no such address.
            error_type: the class of an exception that nothing has handled.
        """
        ...


@runtime_checkable
class ServerSink(TelemetrySink, Protocol):
    """A sink that sees requests to a server."""

    def watch_request(self, head: RequestHead, server: LoadedServer) -> RequestWatch | None:
        """Begin to watch a request; None where something else watches the server's requests already.

        Args:
            server: whose load is told from now on, as long as it is there.
        """
        ...
