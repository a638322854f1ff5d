"""A tool that a test holds: it waits in the server's own thread until the test lets it go on."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress


class Gate:
    """Give `wait` to an agent as a tool."""

    def __init__(self) -> None:
        self._called = threading.Event()
        self._ended = threading.Event()
        self._held: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._is_open = False

    async def wait(self) -> str:
        """Wait."""
        may_go = asyncio.Event()
        self._held = (asyncio.get_running_loop(), may_go)
        self._called.set()
        try:
            if not self._is_open:
                await may_go.wait()
        finally:
            self._ended.set()
        return "waited"

    async def called(self) -> None:
        """Wait until it has been called."""
        assert await asyncio.to_thread(self._called.wait, 20)

    async def ended(self) -> None:
        """Wait until it has come to an end, as it does when it is cancelled."""
        assert await asyncio.to_thread(self._ended.wait, 20)

    def open(self) -> None:
        """Let it go on, and all later calls at once."""
        self._is_open = True
        if self._held is not None:
            with suppress(RuntimeError):  # Its loop has ended.
                self._held[0].call_soon_threadsafe(self._held[1].set)
