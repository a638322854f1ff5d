"""The callers that wait for answers of a server, and how progress, logs and questions reach them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from lightagent.adapters.mcp.sdk.memory import pass_on
from lightagent.aiokits.shared_loop import across
from lightagent.domain.mcp.exchange import McpRemark
from lightagent.domain.scopes import Scope
from lightagent.ports.mcp import McpCaller

T = TypeVar("T")

Owner: TypeAlias = tuple[Scope, str]

_MOST_OWNERS: Final = 2
"""The maximum number of stored owners of calls that were given up. Two are enough to know that a message is ambiguous.
"""


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One call under way: its caller, and the event loop in which the caller waits."""

    caller: McpCaller
    loop: asyncio.AbstractEventLoop

    @property
    def owner(self) -> Owner:
        """The scope and the run of the caller."""
        return self.caller.scope, self.caller.run_id

    def tell(self, remark: McpRemark) -> None:
        """Tell the caller, in its own loop and before its answer."""
        if asyncio.get_running_loop() is self.loop:
            pass_on(self.caller.tell, remark)
        else:
            with suppress(RuntimeError):  # The loop has ended, and the caller with it.
                self.loop.call_soon_threadsafe(pass_on, self.caller.tell, remark)

    async def ask(self, work: Callable[[], Coroutine[object, object, T]]) -> T:
        """Run `work` in the event loop of the caller, and return its result."""
        return await across(self.loop, work)


CURRENT: Final[ContextVar[Call | None]] = ContextVar("lightagent_mcp_call", default=None)
"""The call that is made. Over streamable HTTP the SDK carries it along to where the server asks something."""


class CallsUnderWay:
    """The calls of one session, and whose calls were given up while the server may still be at work on them."""

    def __init__(self) -> None:
        self._calls: set[Call] = set()
        self._given_up: set[Owner] = set()

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def unclear(self) -> bool:
        """Whether a message of the server may belong to a call that was given up."""
        return bool(self._given_up)

    def begin(self, call: Call) -> None:
        """Register a call that now waits for its answer."""
        self._calls.add(call)

    def end(self, call: Call, *, answered: bool) -> None:
        """Remove a call that no longer waits.

        Args:
            call: the call.
            answered: whether it has its answer; False if it was cancelled or timed out.
        """
        self._calls.remove(call)
        if not answered and len(self._given_up) < _MOST_OWNERS:
            self._given_up.add(call.owner)

    def concerned(self) -> Call | None:
        """Return the call that a message of the server belongs to; None if that is unknown.

        Over a single pipe the older protocol does not name the call: it is the one under way, if it is the only one
        that the server may be working on.
        """
        current = CURRENT.get()
        if current is not None:
            return current
        return next(iter(self._calls)) if len(self._calls) == 1 and not self._given_up else None

    def asking_call(self) -> Call | None:
        """Return a call of the run that a question of the server is for; None if that is unknown.

        If several calls wait and all belong to one run and one event loop, any of them is returned.
        """
        current = CURRENT.get()
        if current is not None:
            return current
        calls = list(self._calls)
        alike = len({call.owner for call in calls} | self._given_up) == 1 and len({call.loop for call in calls}) == 1
        return calls[0] if alike else None
