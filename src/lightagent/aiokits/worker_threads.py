"""Runs synchronous functions of users in threads, so that none of them holds up an event loop.

Why not the standard pools: a `ThreadPoolExecutor` joins its threads when the program ends, so one hung tool would keep
the process alive, and asyncio's own has a few threads more than the machine has cores, so a few slow tools would stall
every run. These threads are daemons, many, made when needed and gone when idle.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import os
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Generic, ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

MOST_THREADS = 256
IDLE_SECONDS = 10.0


class WorkerThreads:
    """A bounded set of reusable daemon threads; serves any number of event loops at once.

    Args:
        most: threads at a time; further work waits in order.
        idle: seconds after which a thread without work ends.
    """

    def __init__(self, most: int = MOST_THREADS, idle: float = IDLE_SECONDS) -> None:
        self._most = most
        self._idle_seconds = idle
        self._numbers = itertools.count(1)
        self.reset()

    def reset(self) -> None:
        """Forget everything: for a child process after a fork, where no thread came along."""
        self._lock = threading.Lock()
        self._waiting: deque[_Work] = deque()
        self._idle: list[_Inbox] = []
        self._count = 0

    @property
    def count(self) -> int:
        """How many threads there are now."""
        return self._count

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `function` in a thread, in the caller's context variables, and await its result.

        Cancelling the await abandons the call without waiting for it: one that has not begun never will, one that
        runs goes on unheard. A `StopIteration` comes out as a `RuntimeError`, as from any coroutine.
        """
        loop = asyncio.get_running_loop()
        context = contextvars.copy_context()
        future: asyncio.Future[T] = loop.create_future()
        self._submit(_Job(lambda: context.run(function, *args, **kwargs), future, loop))
        return await future

    def _submit(self, job: _Work) -> None:
        with self._lock:
            if self._idle:
                # The one that rested last: so the others may rest long enough to end.
                self._idle.pop().put(job)
                return
            if self._count >= self._most:
                self._waiting.append(job)
                return
            self._count += 1
            number = next(self._numbers)
        inbox: _Inbox = SimpleQueue()
        inbox.put(job)
        try:
            threading.Thread(target=self._work, args=(inbox,), name=f"lightagent-worker-{number}", daemon=True).start()
        except RuntimeError:
            with self._lock:
                self._count -= 1
            raise

    def _work(self, inbox: _Inbox) -> None:
        job: _Work | None = inbox.get()
        while job is not None:
            job.run()
            # Free before the result is out: so who awaits it and calls again gets this same thread.
            following = self._take_or_rest(inbox)
            job.deliver()
            # Nothing of a finished call may stay alive while its thread rests.
            del job
            job = following or self._wait(inbox)
            del following

    def _take_or_rest(self, inbox: _Inbox) -> _Work | None:
        with self._lock:
            if self._waiting:
                return self._waiting.popleft()
            self._idle.append(inbox)
            return None

    def _wait(self, inbox: _Inbox) -> _Work | None:
        with suppress(Empty):
            return inbox.get(timeout=self._idle_seconds)
        with self._lock:
            if inbox in self._idle:
                self._idle.remove(inbox)
                self._count -= 1
                return None
        return inbox.get()  # Work came in the very moment the wait ended.


class _Work(Protocol):
    def run(self) -> None: ...
    def deliver(self) -> None: ...


_Inbox = SimpleQueue[_Work]


class _Job(Generic[T]):
    """One call on its way to a thread and back."""

    __slots__ = ("_call", "_loop", "_settle", "future")

    def __init__(self, call: Callable[[], T], future: asyncio.Future[T], loop: asyncio.AbstractEventLoop) -> None:
        self._call = call
        self.future = future
        self._loop = loop
        self._settle: Callable[[], None] | None = None

    def run(self) -> None:
        if self.future.cancelled():
            return
        with _Catch() as caught:
            self._settle = partial(self.future.set_result, self._call())
        if caught.exception is not None:
            self._settle = partial(self.future.set_exception, caught.exception)

    def deliver(self) -> None:
        # The loop may have ended meanwhile: then nobody waits.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._finish)

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


_threads = WorkerThreads()
run_in_thread = _threads.run
"""`WorkerThreads.run` of the one set of threads that this process has."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_threads.reset)
