"""The two streams of messages between a transport and the SDK, and what all of ours have in common."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from mcp.shared.message import SessionMessage


class Closing(Protocol):
    """A stream that is closed at the end of an `async with`."""

    async def aclose(self) -> None:
        """Release what the stream holds. Ours hold nothing: what opens a connection closes it."""
        return

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> bool | None:
        await self.aclose()
        return None


class Incoming(Closing, Protocol):
    """Messages of the server, as the SDK reads them."""

    async def receive(self) -> SessionMessage | Exception:
        """The next message."""
        ...

    def __aiter__(self) -> Incoming:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        return await self.receive()


class Outgoing(Closing, Protocol):
    """Messages to the server, as the SDK writes them."""

    async def send(self, item: SessionMessage, /) -> None:
        """Write one message."""
        ...
