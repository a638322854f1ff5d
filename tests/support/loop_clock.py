"""Clocks of event loops that a test decides: nothing then depends on how fast the machine is."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

import pytest

from tests.servers.polling import real_pause, ticks

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE = 30.0
"""Seconds of real time after which something will never happen."""
MOMENT = 0.001
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


def jumping(test: Callable[P, Coroutine[object, object, None]]) -> Callable[P, None]:
    """The asynchronous test, run in a loop that jumps over all waiting."""

    @wraps(test)
    def played(*args: P.args, **kwargs: P.kwargs) -> None:
        play(test(*args, **kwargs))

    return played


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

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._now = loop.time()

    def time(self) -> float:
        return self._now

    def timers(self, within: float) -> list[float]:
        """In how many seconds the loop's next timers ring, as far as that is before so many."""
        scheduled: list[asyncio.TimerHandle] = vars(self._loop)["_scheduled"]
        left = sorted(handle.when() - self._now for handle in scheduled if not handle.cancelled())
        return [seconds for seconds in left if seconds < within]

    async def advance(self, seconds: float) -> None:
        """Let what was begun come to its wait, then time pass, and everything happen when it is due."""
        await _settle()
        end = self._now + seconds
        while timers := self.timers(end - self._now):
            self._now += max(timers[0], 0) + MOMENT / 100
            await _settle()
        self._now = max(end, self._now)
        await _settle()


async def _settle() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


@contextmanager
def held_clock() -> Iterator[HeldClock]:
    """From here on the clock of the running loop stands still; at the end it goes on as the machine's."""
    loop = asyncio.get_running_loop()
    clock = HeldClock(loop)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "time", clock.time)
        yield clock


async def eventually(condition: Callable[[], object], within: float = PATIENCE) -> None:
    """Wait in real time, whatever the loop's clock says, until something is so; fail if it never is."""
    for pause in ticks(within):
        if condition():
            return
        await real_pause(pause)
    raise AssertionError(f"not so within {within:g} s")


async def at_once(work: Coroutine[object, object, T]) -> T:
    """What comes of it while the loop's clock stands still: whatever waits for time to pass never ends, and fails."""
    with held_clock():
        return await _end(asyncio.create_task(work))


async def ends_after(
    seconds: float, *works: Coroutine[object, object, T], begun: Callable[[], object] = bool
) -> list[T]:
    """What comes of works that wait for nothing but time: shortly before so many seconds none has ended, then all have.

    Time begins to pass when a timer for these seconds is set, and something is so.
    """
    with held_clock() as clock:
        tasks = [asyncio.create_task(work) for work in works]
        try:
            await eventually(lambda: clock.timers(seconds + MOMENT) and (begun is bool or begun()))
            await clock.advance(seconds - MOMENT)
            assert not [task for task in tasks if task.done()], "too early"
            await clock.advance(2 * MOMENT)
            return [await _end(task) for task in tasks]
        finally:
            for task in tasks:
                task.cancel()


async def after_pauses(count: int, work: Coroutine[object, object, T], longest: float) -> tuple[T, list[float]]:
    """What comes of it, and the pauses it made, so many, on a clock that jumps over each of them and else stands still.

    A pause is the next timer that rings within `longest` seconds.
    """
    pauses: list[float] = []
    with held_clock() as clock:
        task = asyncio.create_task(work)
        while len(pauses) < count:
            await eventually(lambda: task.done() or clock.timers(longest))
            if task.done():
                break
            pauses.append(clock.timers(longest)[0])
            await clock.advance(pauses[-1] + MOMENT)
        return await _end(task), pauses


async def _end(task: asyncio.Task[T]) -> T:
    try:
        await eventually(task.done)
    except AssertionError:
        task.cancel()
        raise
    return await task
