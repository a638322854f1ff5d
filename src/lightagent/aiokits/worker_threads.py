"""Runs synchronous functions in threads, so that none of them holds up an event loop.

Why not the standard pools: a `ThreadPoolExecutor` joins its threads when the program ends, so one hung function would
keep the process alive, and asyncio's own has a few threads more than the machine has cores, so a few slow functions
would stall everything. These threads are daemons, many, made when needed and gone when idle.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from queue import Empty, SimpleQueue
from typing import Final, ParamSpec, TypeVar

from lightagent.aiokits.thread_job import Job, Pace, Work
from lightagent.aiokits.thread_places import Call, Places

P = ParamSpec("P")
T = TypeVar("T")

MOST_THREADS: Final = 256
IDLE_SECONDS: Final = 10.0


class NoThreadLeft(RuntimeError):
    """Abandoned calls that do not end occupy every thread; the function was not called."""


class WorkerThreads:
    """A bounded set of reusable daemon threads; serves any number of event loops at once.

    At most `most` threads are at work at a time; further calls wait in order. Two kinds of threads do not count:

    * One whose function waits for other work, in the synchronous bridge or in an event loop of its own that awaits
      `run`. Another thread may be started in its place, so calls that make calls never wait for each other's threads,
      however deeply they nest. When its wait is over it goes on at once, and a thread that is then too many ends as
      soon as its own call has ended.
    * One whose call was abandoned: the `await` was cancelled while the function ran, or the function was called for
      another that was. Up to `most` of them are replaced. Each further one leaves one thread less for others, and when
      twice `most` abandoned calls hold all threads there are, `run` raises `NoThreadLeft` instead of waiting for ever,
      as do the calls that wait already. An abandoned call that ends after all gives its place back.

    So there are never more than twice `most` threads, apart from those whose functions wait, or waited, for other work.

    Args:
        most: threads at work at a time.
        idle: seconds after which a thread without work ends.
    """

    def __init__(self, most: int = MOST_THREADS, idle: float = IDLE_SECONDS) -> None:
        self._most = most
        self._idle_seconds = idle
        self._numbers = itertools.count(1)
        self.reset()

    def reset(self) -> None:
        """Forget everything: for a child process after a fork, where no thread came along."""
        # Reentrant, because the garbage collector may run at any time, also while the lock is held, and close a
        # coroutine that awaits `run`, which takes the lock again.
        self._lock = threading.RLock()
        self._waiting: OrderedDict[Work, None] = OrderedDict()
        self._resting: deque[_Inbox] = deque()
        self._places = Places(self._most)

    @property
    def count(self) -> int:
        """How many threads there are now."""
        return self._places.threads

    @property
    def abandoned(self) -> int:
        """How many threads are held by abandoned calls."""
        return self._places.abandoned

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Call `function` in a thread, in the caller's context variables, and await its result.

        Cancelling the await abandons the call without waiting for it: one that has not begun never will, one that
        runs goes on unheard. A `StopIteration` comes out as a `RuntimeError`, as from any coroutine.

        Raises:
            NoThreadLeft: abandoned calls that do not end occupy every thread; the function was not called.
            RuntimeError: the system has no thread to give; the function was not called.
        """
        return await self.run_at(None, function, *args, **kwargs)

    async def run_at(self, pace: Pace | None, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """The same for a function whose pace is remembered.

        One that was over within `PATIENCE` the last time is waited for that long right here: while it runs, so short,
        the event loop stands still, which costs less than waking it. One that takes longer this time is awaited.
        """
        call = Call(parent=_current.get())
        context = contextvars.copy_context()
        context.run(_current.set, call)
        job = Job(lambda: context.run(function, *args, **kwargs), call, pace)
        with standing_aside():
            with self._lock:
                self._waiting[job] = None
                starting = self._settle()
            self._start(starting)
            job.stand_still()
            try:
                return await job.future
            except (asyncio.CancelledError, GeneratorExit):
                with self._lock:
                    self._waiting.pop(job, None)
                    self._places.abandon(call)
                    starting = self._settle()
                self._start(starting)
                raise

    @contextmanager
    def aside(self, call: Call) -> Generator[None, None, None]:
        """Within it the call waits for other work."""
        with self._lock:
            self._places.wait(call, 1)
            starting = self._settle()
        self._start(starting)
        try:
            yield
        finally:
            with self._lock:
                self._places.wait(call, -1)
                starting = self._settle()
            self._start(starting)

    def _settle(self) -> Sequence[Work]:
        """After every change, under the lock: bring calls and threads together.

        What it returns needs threads that are yet to be started. That is done when the lock is free again, since
        starting a thread takes a while.
        """
        places, starting = self._places, list[Work]()
        while places.is_crowded and self._resting:
            places.threads -= 1
            self._resting.popleft().put(None)
        while (self._resting or places.has_room) and self._waiting:
            job, _ = self._waiting.popitem(last=False)
            places.begin(job.call)
            if self._resting:
                # The one that rested last: so the others may rest long enough to end.
                self._resting.pop().put(job)
            else:
                places.threads += 1
                starting.append(job)
        while places.is_stuck and self._waiting:
            job, _ = self._waiting.popitem(last=False)
            job.refuse(_none_left(places.abandoned))
        return starting

    def _start(self, jobs: Sequence[Work]) -> None:
        while jobs and (failed := [job for job in jobs if not self._starts(job)]):
            with self._lock:
                for job in failed:
                    self._places.end(job.call)
                    self._places.threads -= 1
                jobs = self._settle()

    def _starts(self, job: Work) -> bool:
        inbox: _Inbox = SimpleQueue()
        inbox.put(job)
        name = f"lightagent-worker-{next(self._numbers)}"
        try:
            threading.Thread(target=self._work, args=(inbox,), name=name, daemon=True).start()
        except RuntimeError as exc:  # the system has none to give
            job.refuse(exc)
            return False
        return True

    def _work(self, inbox: _Inbox) -> None:
        while (job := self._next(inbox)) is not None:
            _here.working = (self, job.call)
            job.run()
            _here.working = None
            # Free before the result is out, so that a caller who awaits it and calls again gets this same thread.
            self._start(self._end(job.call, inbox))
            job.deliver()
            # Nothing of a finished call may stay alive while its thread rests.
            del job

    def _end(self, call: Call, inbox: _Inbox) -> Sequence[Work]:
        with self._lock:
            if self._places.end(call):
                self._resting.append(inbox)
            else:  # the process was forked off by this very call, and counts its threads anew
                inbox.put(None)
            return self._settle()

    def _next(self, inbox: _Inbox) -> Work | None:
        """The next job for the thread; None if the thread is to end."""
        with suppress(Empty):
            return inbox.get(timeout=self._idle_seconds)
        with self._lock:
            if inbox in self._resting:
                self._resting.remove(inbox)
                self._places.threads -= 1
                return None
        return inbox.get()  # Work came in the very moment the wait ended.


_Inbox = SimpleQueue[Work | None]


def _none_left(abandoned: int) -> NoThreadLeft:
    return NoThreadLeft(
        f"{abandoned} hung calls occupy every worker thread, so this one was not begun. "
        "They were given up earlier and have not ended; each that ends makes room for another."
    )


_here = threading.local()
"""What the current thread is doing, if it is a worker. Not a subclass, which a workflow sandbox refuses to make."""


def _work_here() -> tuple[WorkerThreads, Call] | None:
    working: tuple[WorkerThreads, Call] | None = getattr(_here, "working", None)
    return working


_current: contextvars.ContextVar[Call | None] = contextvars.ContextVar("lightagent_thread_call", default=None)
"""The call in whose function, or on whose behalf, the current code runs."""


_no_worker = nullcontext()


def standing_aside() -> AbstractContextManager[None]:
    """For code that waits until other work is done: within it the calling thread, if it is a worker, does not count."""
    working = _work_here()
    if working is None:
        return _no_worker
    threads, call = working
    return threads.aside(call)


_threads = WorkerThreads()
run_in_thread: Final = _threads.run
"""`WorkerThreads.run` of the one set of threads that this process has."""
run_in_thread_at: Final = _threads.run_at
"""`WorkerThreads.run_at` of the same."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_threads.reset)
