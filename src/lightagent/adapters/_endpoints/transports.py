"""What a transport is: it posts bytes and hands back the bytes of the answer."""

from __future__ import annotations

from typing import Protocol

from lightagent.domain.origin import TraceHeaders


class Answer(Protocol):
    """The body of one answer, while it comes."""

    async def read(self) -> bytes:
        """More of it, as soon as there is more; empty at its end."""
        ...

    async def close(self) -> None:
        """Give back the connection, which is kept if the body was read to its end."""
        ...


class Transport(Protocol):
    """Posts requests from any event loop. Every fault is a `ProviderError`; it keeps no time and repeats nothing."""

    async def open(self, body: bytes, trace: TraceHeaders = ()) -> Answer:
        """Post `body`, with the headers of a trace besides its own; the answer has a status of success."""
        ...

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        ...
