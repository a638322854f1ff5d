"""Waiting with a deadline, in real time."""

import asyncio
import time
from collections.abc import Iterator

POLL_SECONDS = 0.02


def ticks(within: float) -> Iterator[float]:
    """Yields how long to sleep before the next look, until so many seconds have passed, and once more after that.

    So a look that itself took all the time, on a busy machine, is not the last.
    """
    deadline = time.monotonic() + within
    yield POLL_SECONDS
    while time.monotonic() < deadline:
        yield POLL_SECONDS
    yield POLL_SECONDS


async def real_pause(seconds: float) -> None:
    """Sleep so long in real time, whatever the clock of the event loop says."""
    await asyncio.get_running_loop().run_in_executor(None, time.sleep, seconds)
