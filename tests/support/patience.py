"""Waits for what other threads do: until it is so, however slow the machine is."""

import asyncio
import threading
import time
from collections.abc import Callable

PATIENCE = 30.0
"""Seconds after which something that should have happened never will."""


async def eventually(condition: Callable[[], object]) -> bool:
    """Whether `condition` comes true; the loop goes on meanwhile."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.005)
    return True


class Gate:
    """A function that ends when it is let go: its threads hang until then, for all that a test can see."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self._open = threading.Event()
        self._lock = threading.Lock()

    def __call__(self) -> str:
        with self._lock:
            self.begun += 1
        self._open.wait()
        with self._lock:
            self.ended += 1
        return "let go"

    def open(self) -> None:
        """Let all of them go, those that are still to come too."""
        self._open.set()
