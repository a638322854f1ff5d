"""The time limits of a stream, at the price of one timer for all of it.

`asyncio.timeout` around every read costs as much as reading a small event. Here a wait only notes when it began; the
timer, when it goes off, looks whether that was long ago, and if not comes back later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import TypeVar

from lightagent.adapters._endpoints.faults import took_too_long, went_silent
from lightagent.domain.errors import ProviderError

T = TypeVar("T")

_SHORTEST = 0.001
"""Seconds between two looks."""


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """Seconds for the waits of an attempt in all, and without a byte."""

    total: float
    idle: float


class Watchdog:
    """Watches over the waits of one attempt, from now on. Time without a wait does not count."""

    __slots__ = ("_fault", "_idle", "_left", "_loop", "_since", "_timer", "_total", "_waiter")

    def __init__(self, limits: TimeLimits) -> None:
        self._total = self._left = limits.total
        self._idle = limits.idle
        self._loop = asyncio.get_running_loop()
        self._since = self._loop.time()
        self._waiter: asyncio.Task[object] | None = None
        self._fault: ProviderError | None = None
        self._timer = self._loop.call_at(self._end(self._since), self._look)

    async def wait(self, something: Coroutine[object, object, T]) -> T:
        """What `something` gives, if it does so in time; else a `ProviderError`, LA-408."""
        if (fault := self._late()) is not None:
            something.close()
            raise fault
        waiter = asyncio.current_task()
        cancellations = 0 if waiter is None else waiter.cancelling()
        self._since = self._loop.time()
        self._waiter = waiter
        try:
            return await something
        except asyncio.CancelledError:
            # Ours, unless the task was also cancelled from outside: the same rule as in asyncio.timeout.
            fault = self._late()
            if fault is None or waiter is None or waiter.uncancel() > cancellations:
                raise
            raise fault from None
        finally:
            self._waiter = None
            self._left -= self._loop.time() - self._since

    def stop(self) -> None:
        """No more waits will follow."""
        self._timer.cancel()

    def _late(self) -> ProviderError | None:
        return self._fault

    def _end(self, since: float) -> float:
        """When a wait that began at `since` has taken too long."""
        return since + min(self._left, self._idle)

    def _look(self) -> None:
        now = self._loop.time()
        end = self._end(now if self._waiter is None else self._since)
        if self._waiter is None or now < end:
            # Without a wait nothing is late; the timer only must not come back at once.
            self._timer = self._loop.call_at(max(end, now + _SHORTEST), self._look)
            return
        self._fault = took_too_long(self._total) if self._left <= self._idle else went_silent(self._idle)
        self._waiter.cancel()
