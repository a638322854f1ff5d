"""The time limits of a stream, at the price of one timer for all of it.

`asyncio.timeout` around every read costs as much as reading a small event. Here a wait only notes when it began; the
timer, when it goes off, looks whether that was long ago, and if not comes back later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TypeVar

from lightagent.adapters.chat.openai.faults import took_too_long, went_silent
from lightagent.domain.errors import ProviderError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds for an attempt in all, and without a byte."""

    total: float
    idle: float


class Watchdog:
    """Watches over the waits of one attempt, from now on. Time in which nobody waits does not count as silence."""

    __slots__ = ("_deadline", "_fault", "_limits", "_loop", "_since", "_timer", "_waiter")

    def __init__(self, limits: TimeLimits) -> None:
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        self._deadline = self._since + limits.total
        self._waiter: asyncio.Task[object] | None = None
        self._fault: ProviderError | None = None
        self._timer = self._loop.call_at(min(self._deadline, self._since + limits.idle), self._look)

    async def wait(self, something: Coroutine[object, object, T]) -> T:
        """What `something` gives, if it does so in time; else a `ProviderError`, LA-408."""
        if (late := self._late()) is not None:
            something.close()
            raise late
        waiter = asyncio.current_task()
        cancellations = 0 if waiter is None else waiter.cancelling()
        self._since = self._loop.time()
        self._waiter = waiter
        try:
            return await something
        except asyncio.CancelledError:
            # Ours, unless somebody else wants the task to end as well: the same rule as in asyncio.timeout.
            late = self._late()
            if late is None or waiter is None or waiter.uncancel() > cancellations:
                raise
            raise late from None
        finally:
            self._waiter = None

    def stop(self) -> None:
        """No more waits will follow."""
        self._timer.cancel()

    def _late(self) -> ProviderError | None:
        return self._fault

    def _look(self) -> None:
        now = self._loop.time()
        silent_at = (now if self._waiter is None else self._since) + self._limits.idle
        if now < self._deadline and now < silent_at:
            self._timer = self._loop.call_at(min(self._deadline, silent_at), self._look)
            return
        spent = now >= self._deadline
        self._fault = took_too_long(self._limits.total) if spent else went_silent(self._limits.idle)
        if self._waiter is not None:
            self._waiter.cancel()
