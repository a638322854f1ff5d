"""A semaphore for tasks in whatever threads and event loops of the process, which `asyncio.Semaphore` is not."""

from __future__ import annotations

import asyncio
import threading
from collections import deque


class SharedSemaphore:
    """Admits so many tasks of the process at the same time, in the order in which they asked.

    Args:
        places: how many tasks it admits at the same time.
    """

    def __init__(self, places: int) -> None:
        self._lock = threading.Lock()
        self._free = places
        self._waiting: deque[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = deque()

    @property
    def is_full(self) -> bool:
        """Whether the next one has to wait."""
        return self._free <= 0

    async def acquire(self) -> None:
        """Return once a place is free, which is then taken."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._free > 0:
                self._free -= 1
                return
            place: asyncio.Future[None] = loop.create_future()
            self._waiting.append((loop, place))
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                self.release()  # It was given in the moment of the cancellation.
            else:
                with self._lock:
                    if (loop, place) in self._waiting:
                        self._waiting.remove((loop, place))
            raise

    def release(self) -> None:
        """Free a place, or give it to the one that has waited the longest."""
        while True:
            with self._lock:
                if not self._waiting:
                    self._free += 1
                    return
                loop, place = self._waiting.popleft()
            try:
                loop.call_soon_threadsafe(self._hand, place)
            except RuntimeError:  # That loop is closed, and with it the one that waited.
                continue
            return

    def _hand(self, place: asyncio.Future[None]) -> None:
        if place.done():
            self.release()  # It was cancelled meanwhile.
        else:
            place.set_result(None)
