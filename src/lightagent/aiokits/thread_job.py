"""One call on its way to a thread and back."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Final, Generic, Protocol, TypeVar

from lightagent.aiokits.thread_places import Call

T = TypeVar("T")

PATIENCE: Final = 100e-6
"""Seconds that an event loop may stand still for a function that was over as quickly the last time."""


class Pace:
    """Remembers whether a function was over quickly the last time it was called."""

    __slots__ = ("is_quick",)

    def __init__(self) -> None:
        self.is_quick: bool = False


class Work(Protocol):
    """A job, whatever its result is."""

    call: Call

    def run(self) -> None:
        """In the thread: call the function, and keep what came of it."""

    def deliver(self) -> None:
        """In the thread: hand what came of it to the loop that awaits it."""

    def refuse(self, reason: Exception) -> None:
        """In any thread: it will not be run."""


class Job(Generic[T]):
    """A function without arguments, and the future of the running loop that gets what it returns or raises.

    Waking a loop from another thread takes longer than a short function does. So a loop may stand still for a moment
    and take the result itself; whichever of the two takes it first, the other finds nothing.

    Args:
        pace: of the function; where it is quick, the result is waited for by `stand_still`.
    """

    __slots__ = ("_awaited", "_function", "_loop", "_outcome", "_over", "_pace", "call", "future")

    def __init__(self, function: Callable[[], T], call: Call, pace: Pace | None = None) -> None:
        self._function = function
        self._loop = asyncio.get_running_loop()
        self._outcome: list[Callable[[], None]] = []
        self._pace = pace
        self._over: threading.Lock | None = None
        if pace is not None and pace.is_quick:
            self._over = threading.Lock()
            self._over.acquire()
        self._awaited = self._over is None
        self.call: Call = call
        self.future: asyncio.Future[T] = self._loop.create_future()

    def stand_still(self) -> None:
        """In the loop's thread: give a quick function the time to end, and then the future its result at once."""
        over = self._over
        if over is None:
            return
        if not over.acquire(timeout=PATIENCE):
            self._awaited = True
            if not over.acquire(blocking=False):
                return  # It is not over, so it will see that it is awaited.
        self._finish()

    def run(self) -> None:
        if self.future.cancelled():
            return
        began = time.perf_counter()
        with _Catch() as caught:
            self._outcome.append(partial(self.future.set_result, self._function()))
        if caught.exception is not None:
            self._outcome.append(partial(self.future.set_exception, caught.exception))
        if self._pace is not None:
            self._pace.is_quick = time.perf_counter() - began < PATIENCE

    def deliver(self) -> None:
        if self._over is not None:
            self._over.release()
        if self._awaited:
            # The loop may have ended meanwhile: then the result is awaited no longer.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._finish)

    def refuse(self, reason: Exception) -> None:
        self._outcome.append(partial(self.future.set_exception, reason))
        self.deliver()

    def _finish(self) -> None:
        # Taken out: an exception's traceback leads back here, and would live as long as the circle.
        with suppress(IndexError):
            settle = self._outcome.pop()
            if not self.future.done():
                settle()


class _Catch:
    """Keeps whatever a user's function raises, so that it is raised where the function was awaited."""

    exception: BaseException | None = None

    def __enter__(self) -> _Catch:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> bool:
        self.exception = exc
        if isinstance(exc, (StopIteration, GeneratorExit)):
            # A future refuses the one; the other, thrown into a coroutine, would close all that it awaits.
            self.exception = RuntimeError(f"the function raised {type(exc).__name__}")
            self.exception.__cause__ = exc
        return True
