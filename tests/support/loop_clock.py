"""Clocks of event loops that a test decides: nothing then depends on how fast the machine is."""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from tests.servers.polling import ticks

T = TypeVar("T")

PATIENCE = 30.0
"""Seconds of real time after which something will never happen."""
TURNS = 20
"""Turns of a loop in which everything that is due has been done."""


class _Impatient(selectors.DefaultSelector):
    """Does not wait for a timer: it says that its time has come."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(timeout if timeout is None else 0)
        if timeout is not None and timeout > 0 and not found:
            self.now += timeout
        return found


class JumpingLoop(asyncio.SelectorEventLoop):
    """A loop that never waits for a timer: when nothing is left to do, its clock jumps to the next one.

    For what waits for timers only: a thread or a server would be outrun.
    """

    def __init__(self) -> None:
        self._impatient = _Impatient()
        super().__init__(self._impatient)

    def time(self) -> float:
        return self._impatient.now

    def advance(self, seconds: float) -> None:
        """What blocks a loop lets time pass."""
        self._impatient.now += seconds


def play(work: Coroutine[object, object, T]) -> T:
    """What comes of it in a loop that jumps over all waiting."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(work)


def play_timed(work: Coroutine[object, object, T]) -> tuple[T, float]:
    """The same, and how many seconds it took by the clock of the loop."""

    async def timed() -> tuple[T, float]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        return await work, loop.time() - began

    return play(timed())


def advance(seconds: float) -> None:
    """Let time pass in the jumping loop that runs here, as what blocks it would."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, JumpingLoop)
    loop.advance(seconds)


class HeldClock:
    """The clock of a loop: it stands still until the test moves it, while sockets and threads go on."""

    def __init__(self, now: float) -> None:
        self._now = now

    def time(self) -> float:
        return self._now

    async def advance(self, seconds: float) -> None:
        """Let what was begun come to its wait, then time pass, and then everything happen that is due."""
        await _settle()
        self._now += seconds
        await _settle()


async def _settle() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


@contextmanager
def held_clock() -> Iterator[HeldClock]:
    """From here on the clock of the running loop stands still; at the end it goes on as the machine's."""
    loop = asyncio.get_running_loop()
    clock = HeldClock(loop.time())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "time", clock.time)
        yield clock


async def eventually(condition: Callable[[], object], within: float = PATIENCE) -> None:
    """Wait in real time, whatever the loop's clock says, until something is so; fail if it never is."""
    loop = asyncio.get_running_loop()
    for pause in ticks(within):
        if condition():
            return
        await loop.run_in_executor(None, time.sleep, pause)
    raise AssertionError(f"not so within {within:g} s")
