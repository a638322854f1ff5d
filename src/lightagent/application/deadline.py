"""A deadline for a generator: it interrupts the waiting for an item, never the consumer that holds one.

What the consumer does with an item is its own business and takes its own time: meanwhile the clock stands still.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import TracebackType
from typing import TypeVar

T = TypeVar("T")


class Deadline:
    """The moment, so many seconds from now, when something must be over. Each pause puts it off; `inf` never comes."""

    __slots__ = ("_paused_at", "_time", "held", "moment", "seconds")

    def __init__(self, seconds: float) -> None:
        self._time = asyncio.get_running_loop().time
        self._paused_at = self._time()
        self.seconds = seconds
        self.moment = self._paused_at + max(seconds, 0)
        self.held = 0.0

    def left(self) -> float:
        """Seconds until then; below 0 afterwards."""
        return self.moment - self._time()

    def pause(self) -> None:
        """From here on time does not count."""
        self._paused_at = self._time()

    def go_on(self) -> None:
        """From here on time counts again."""
        held = self._time() - self._paused_at
        self.held += held
        self.moment += held

    def put_off(self, seconds: float) -> None:
        """So much time did not count."""
        self.held += seconds
        self.moment += seconds

    def was_over(self) -> bool:
        """Whether the last pause began too late."""
        return self._paused_at >= self.moment


async def until(items: AsyncGenerator[T, None], deadline: Deadline) -> AsyncGenerator[T, None]:
    """The items, and `TimeoutError` where one is not there in time. While an item is out, the deadline pauses.

    One timer serves the whole generator: `asyncio.timeout` around each item would cost 9 µs an item, more than all else
    that a streamed token costs here. How it cancels and takes back is `asyncio.timeout`'s own way.
    """
    async with aclosing(items):
        if deadline.seconds == math.inf:
            async for item in items:
                yield item
            return
        alarm = _Alarm(deadline)
        try:
            while not alarm.is_due():
                try:
                    with alarm:
                        item = await anext(items)
                except StopAsyncIteration:
                    return
                yield item
        except _Late:
            pass
        finally:
            alarm.stop()
        raise TimeoutError(f"nothing within {deadline.seconds:g} s")


class _Late(Exception):
    """The alarm rang, and nobody else cancelled."""


class _Alarm:
    """Rings once; cancels the task that is waiting then, which is the one inside its `with`."""

    __slots__ = ("_cancelled", "_cancelling", "_deadline", "_loop", "_rang", "_set", "_task", "_timer")

    def __init__(self, deadline: Deadline) -> None:
        self._rang = False
        self._cancelled = False
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._deadline = deadline
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_at(deadline.moment, self._ring)
        self._set = True
        deadline.pause()

    def is_due(self) -> bool:
        """Whether the time is over; where nobody ever waits, the timer alone would never be heard."""
        return self._rang or self._deadline.was_over()

    def _ring(self) -> None:
        if self._task is None:
            # The consumer holds an item, nobody knows how long; the timer is set again when it comes back.
            self._set = False
        elif self._timer.when() < self._deadline.moment:
            self._set_timer()
        else:
            self._rang = True
            self._cancelled = self._task.cancel()

    def _set_timer(self) -> None:
        self._timer = self._loop.call_at(self._deadline.moment, self._ring)
        self._set = True

    def __enter__(self) -> None:
        # The timer stays where it was, though it is too early now: moving it would cost a timer for every item.
        self._deadline.go_on()
        if not self._set:
            self._set_timer()
        self._task = asyncio.current_task()
        self._cancelling = self._task.cancelling() if self._task is not None else 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deadline.pause()
        task, self._task = self._task, None
        if not self._cancelled or task is None:
            return
        # Taken back whatever became of it, or the task would count as cancelled for ever.
        self._cancelled = False
        if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise _Late from error

    def stop(self) -> None:
        """Nobody is interested any more."""
        self._timer.cancel()
