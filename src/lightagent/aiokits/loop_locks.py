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
        # Created on first use: many objects with locks never need one.
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] | None = None

    def here(self) -> asyncio.Lock:
        """Return the lock of the running loop."""
        if self._locks is None:
            with _first_use:  # The loops of two threads must not both create the locks.
                if self._locks is None:
                    self._locks = WeakKeyDictionary()
        return self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
