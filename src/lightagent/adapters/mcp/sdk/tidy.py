"""The messages of a server in the order in which they came, with what is wrong in their lists put right."""

from __future__ import annotations

from contextvars import Context
from typing import Final, Self

import anyio.lowlevel
import mcp_types as types
from mcp.shared.message import SessionMessage

from lightagent.adapters.mcp.sdk.entries import tidy_result
from lightagent.adapters.mcp.sdk.message_streams import Incoming

_ROUNDS: Final = 2
"""Rounds of the event loop in which a task that was made begins."""


class TidyReader(Incoming):
    """The messages of another reader, tidied, with the context that the SDK carries along with each.

    The SDK handles a notification in a task of its own and an answer at once. So an answer waits until the tasks of
    what came before it have begun: else a caller would have it first, and hear of progress and logs later or never.
    """

    def __init__(self, inner: Incoming) -> None:
        self._inner = inner
        self._notified = False

    @property
    def last_context(self) -> Context | None:
        """That in which the request was made that the last message answers, where the transport knows it."""
        found: object = getattr(self._inner, "last_context", None)
        return found if isinstance(found, Context) else None

    async def receive(self) -> SessionMessage | Exception:
        """The next message."""
        return await self._in_order(await self._inner.receive())

    async def aclose(self) -> None:
        """No more are read."""
        await self._inner.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage | Exception:
        return await self._in_order(await anext(self._inner))

    async def _in_order(self, item: SessionMessage | Exception) -> SessionMessage | Exception:
        if isinstance(item, SessionMessage):
            notifies = isinstance(item.message, types.JSONRPCNotification)
            if self._notified and not notifies:
                for _ in range(_ROUNDS):
                    await anyio.lowlevel.checkpoint()
            self._notified = notifies
        return tidied(item)


def tidied(item: SessionMessage | Exception) -> SessionMessage | Exception:
    """The message, with the lists in it put right."""
    if isinstance(item, SessionMessage) and isinstance(item.message, types.JSONRPCResponse):
        tidy_result(item.message.result)
    return item
