"""A bounded buffer between the producing tasks and the single consuming task of one event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class BoundedBuffer(Generic[T]):
    """A queue of limited size: putting an item into a full buffer waits until there is room.

    Args:
        most: items that may wait to be taken.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._items: deque[T] = deque()
        self._room = asyncio.Event()
        self._news = asyncio.Event()
        self._closed = False

    async def put(self, item: T) -> None:
        """Add an item; returns once there is room for it."""
        while len(self._items) >= self._most:
            self._room.clear()
            await self._room.wait()
        self._items.append(item)
        self._news.set()

    def close(self) -> None:
        """Close the buffer for new items; those in it can still be taken."""
        self._closed = True
        self._news.set()

    async def take(self) -> T | None:
        """Return the next item; None once the buffer is closed and empty."""
        while not self._items:
            if self._closed:
                return None
            self._news.clear()
            await self._news.wait()
        item = self._items.popleft()
        self._room.set()
        return item
