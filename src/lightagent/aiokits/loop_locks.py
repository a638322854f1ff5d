"""A lock for each event loop, for work that the tasks of a loop share."""

from __future__ import annotations

import asyncio
import threading
from weakref import WeakKeyDictionary

_first_use = threading.Lock()


class LoopLocks:
    """The locks of an object that serves any number of event loops: an `asyncio.Lock` serves no more than one."""

    __slots__ = ("_locks",)

    def __init__(self) -> None:
        # Made at the first use: many objects that have locks are made and never need one.
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    def here(self) -> asyncio.Lock:
        """The lock of the running loop."""
        if self._locks is None:
            with _first_use:  # Loops of two threads must not each make the locks.
                if self._locks is None:
                    self._locks = WeakKeyDictionary()
        return self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
