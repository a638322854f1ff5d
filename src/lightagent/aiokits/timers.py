"""One timer of an event loop for all waits of the same length.

Waits of one length end in the order in which they began, so one timer, set for the first of them, serves all. Setting
and cancelling a timer of its own for each would cost three times as much, and most are cancelled. A wait that was
prolonged meanwhile is rung at its first moment all the same, and sees to the rest itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol
from weakref import WeakKeyDictionary


class Wait(Protocol):
    """Something that waits for a moment."""

    moment: float

    def ring(self) -> None:
        """The moment has come."""
        ...


class SharedTimer:
    """The waits of one length in one event loop."""

    __slots__ = ("_forget", "_loop", "_timer", "_waits")

    def __init__(self, loop: asyncio.AbstractEventLoop, forget: Callable[[], object]) -> None:
        self._loop = loop
        self._forget = forget
        self._waits: dict[Wait, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, wait: Wait) -> None:
        """Have `wait` rung at its moment; those that were added before have earlier ones."""
        self._waits[wait] = wait.moment
        if self._timer is None:
            self._timer = self._loop.call_at(wait.moment, self._ring)

    def discard(self, wait: Wait) -> None:
        """Do not ring `wait`. The timer stays: the next wait of this length will want it."""
        self._waits.pop(wait, None)

    def _ring(self) -> None:
        self._timer = None
        now = self._loop.time()
        while self._waits:
            first, moment = next(iter(self._waits.items()))
            if moment > now:
                self._timer = self._loop.call_at(moment, self._ring)
                return
            del self._waits[first]
            first.ring()
        if self._timer is None:
            self._forget()


_timers: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, dict[float, SharedTimer]]] = WeakKeyDictionary()


def shared_timer(loop: asyncio.AbstractEventLoop, seconds: float) -> SharedTimer:
    """The timer of this loop for waits of `seconds`."""
    timers = _timers.get(loop)
    if timers is None:
        _forget_closed()
        timers = _timers[loop] = {}
    timer = timers.get(seconds)
    if timer is None:
        lengths = timers
        timer = timers[seconds] = SharedTimer(loop, lambda: lengths.pop(seconds, None))
    return timer


def _forget_closed() -> None:
    """Drop the timers of loops that are closed: they hold their loop, so that it would never be collected."""
    for known in _timers.keyrefs():
        loop = known()
        if loop is not None and loop.is_closed():
            _timers.pop(loop, None)
