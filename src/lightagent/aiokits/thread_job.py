"""One call on its way to a thread and back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Generic, Protocol, TypeVar

from lightagent.aiokits.thread_places import Call

T = TypeVar("T")


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
    """A function without arguments, and the future of the running loop that gets what it returns or raises."""

    __slots__ = ("_function", "_loop", "_settle", "call", "future")

    def __init__(self, function: Callable[[], T], call: Call) -> None:
        self._function = function
        self._loop = asyncio.get_running_loop()
        self._settle: Callable[[], None] | None = None
        self.call = call
        self.future: asyncio.Future[T] = self._loop.create_future()

    def run(self) -> None:
        if self.future.cancelled():
            return
        with _Catch() as caught:
            self._settle = partial(self.future.set_result, self._function())
        if caught.exception is not None:
            self._settle = partial(self.future.set_exception, caught.exception)

    def deliver(self) -> None:
        # The loop may have ended meanwhile: then the result is awaited no longer.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._finish)

    def refuse(self, reason: Exception) -> None:
        self._settle = partial(self.future.set_exception, reason)
        self.deliver()

    def _finish(self) -> None:
        # Taken out: an exception's traceback leads back here, and would live as long as the circle.
        settle, self._settle = self._settle, None
        if settle is not None and not self.future.done():
            settle()


class _Catch:
    """Keeps whatever a user's function raises, so that it is raised where the function was awaited."""

    exception: BaseException | None = None

    def __enter__(self) -> _Catch:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> bool:
        self.exception = exc
        if isinstance(exc, StopIteration):  # A future refuses it.
            self.exception = RuntimeError("the function raised StopIteration")
            self.exception.__cause__ = exc
        return True
