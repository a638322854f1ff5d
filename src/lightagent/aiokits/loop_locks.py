"""A lock for each event loop, for work that the tasks of a loop share."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary


class LoopLocks:
    """The locks of an object that serves any number of event loops: an `asyncio.Lock` serves no more than one."""

    __slots__ = ("_locks",)

    def __init__(self) -> None:
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    def here(self) -> asyncio.Lock:
        """The lock of the running loop."""
        return self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
