"""The callers that wait for answers of a server, and how progress, logs and questions reach them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, TypeVar

from lightagent.aiokits.shared_loop import across
from lightagent.domain.mcp_exchange import McpRemark
from lightagent.ports.mcp import McpCaller

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One call under way: its caller, and the event loop in which the caller waits."""

    caller: McpCaller
    loop: asyncio.AbstractEventLoop

    def tell(self, remark: McpRemark) -> None:
        """Tell the caller, in its own loop and before its answer."""
        if asyncio.get_running_loop() is self.loop:
            self.caller.tell(remark)
        else:
            with suppress(RuntimeError):  # The loop has ended, and the caller with it.
                self.loop.call_soon_threadsafe(self.caller.tell, remark)

    async def ask(self, work: Callable[[], Coroutine[object, object, T]]) -> T:
        """The result of `work` in the loop of the caller."""
        return await across(self.loop, work)


CURRENT: Final[ContextVar[Call | None]] = ContextVar("lightagent_mcp_call", default=None)
"""The call that is made. Over streamable HTTP the SDK carries it along to where the server asks something."""


class CallsUnderWay:
    """The calls of one session."""

    def __init__(self) -> None:
        self._calls: set[Call] = set()

    def __len__(self) -> int:
        return len(self._calls)

    def begin(self, call: Call) -> None:
        """It waits for its answer from now on."""
        self._calls.add(call)

    def end(self, call: Call) -> None:
        """It has its answer, or was cancelled."""
        self._calls.remove(call)

    def concerned(self) -> Call | None:
        """The call that a message of the server belongs to; None where that is unknown.

        On one pipe the older protocol does not say which: with one call under way it is that call, with several none.
        """
        current = CURRENT.get()
        if current is not None:
            return current
        return next(iter(self._calls)) if len(self._calls) == 1 else None
