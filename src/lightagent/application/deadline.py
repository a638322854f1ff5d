"""A deadline for a generator: it interrupts the waiting for an item, never the consumer that holds one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from types import TracebackType
from typing import TypeVar

T = TypeVar("T")


async def until(items: AsyncGenerator[T, None], seconds: float | None) -> AsyncGenerator[T, None]:
    """The items, and `TimeoutError` where one is not there in time; None sets no limit.

    One timer serves the whole generator: `asyncio.timeout` around each item would cost 9 µs an item, more than all else
    that a streamed token costs here. How it cancels and takes back is `asyncio.timeout`'s own way.
    """
    async with aclosing(items):
        if seconds is None:
            async for item in items:
                yield item
            return
        alarm = _Alarm(seconds)
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
        raise TimeoutError(f"nothing within {seconds:g} s")


class _Late(Exception):
    """The alarm rang, and nobody else cancelled."""


class _Alarm:
    """Rings once; cancels the task that is waiting then, which is the one inside its `with`."""

    __slots__ = ("_cancelled", "_cancelling", "_loop", "_rang", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._rang = False
        self._cancelled = False
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(max(seconds, 0), self._ring)

    def is_due(self) -> bool:
        """Whether the time is over; where nobody ever waits, the timer alone would never be heard."""
        return self._rang or self._loop.time() >= self._timer.when()

    def _ring(self) -> None:
        self._rang = True
        if self._task is not None:
            self._cancelled = self._task.cancel()

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._cancelling = self._task.cancelling() if self._task is not None else 0

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
