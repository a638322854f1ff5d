"""A thread that owns an object which only one thread may use, such as a connection to an embedded database.

A job goes there and back in one hop, whatever it consists of, and is over when it is over: the caller's cancellation
never leaves it half done. Whatever a job raises, it raises at its caller: a library in another language may raise what
is no `Exception`, and a thread that ended of it would leave all who come later waiting. Jobs that come while others are
carried out wait, and are then carried out together, so that one transaction and one wait for the disk serve them all.
"""

from __future__ import annotations

import asyncio
import os
import threading
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Final, Generic, Protocol, TypeVar

from lightagent.aiokits.forks import Pause, pause_at_forks

OwnedT = TypeVar("OwnedT")
OwnedT_contra = TypeVar("OwnedT_contra", contravariant=True)
T = TypeVar("T")

_MOST_TOGETHER: Final = 256


class JobThread(Generic[OwnedT]):
    """Runs jobs of any number of tasks, threads and event loops in a daemon thread, one after another, in order.

    The thread starts with the first job, or the first one after `aclose`; it ends when this object is collected.

    Args:
        name: the name of the thread.
        open: creates what the thread owns, in the thread, before its first job. That job raises its exceptions.
        close: closes it, in the thread.
        around: is entered before jobs that are carried out together and left after them, such as a transaction. Where
            leaving it raises, each of these jobs has failed.
    """

    def __init__(
        self,
        name: str,
        open: Callable[[], OwnedT],
        close: Callable[[OwnedT], object],
        around: Callable[[OwnedT], AbstractContextManager[object]],
    ) -> None:
        self._begin = partial(_begin, name, open, close, around)
        self._lock = threading.Lock()
        self._inbox: _Inbox[OwnedT] | None = None
        self._process = 0
        pause_at_forks(self)

    async def run(self, work: Callable[[OwnedT], T]) -> T:
        """Return or raise what `work` does. Cancelling the await drops the job only if it has not started yet."""
        job = _Job(work)
        with self._lock:
            if self._inbox is None or self._process != os.getpid():  # A forked child has no such thread.
                self._inbox, self._process = self._begin(), os.getpid()
                weakref.finalize(self, self._inbox.put, None).atexit = False
            self._inbox.put(job)
        return await job.future

    async def aclose(self) -> None:
        """Close what the thread owns, after all earlier jobs; does nothing if nothing is open."""
        closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with self._lock:
            inbox, self._inbox = self._inbox, None
            if inbox is None or self._process != os.getpid():
                return
            inbox.put(_Closing(closed))
        await closed

    def pause(self) -> Pause:
        """Hold back new jobs until `resume`, and have the thread close what it owns."""
        self._lock.acquire()
        pause = Pause()
        if self._inbox is not None and self._process == os.getpid():
            self._inbox.put(pause)
        else:
            pause.closed.set()
        return pause

    def resume(self) -> None:
        """Accept jobs again, after `pause` in the same thread."""
        self._lock.release()


class _JobFor(Protocol[OwnedT_contra]):
    def carry_out(self, owned: OwnedT_contra) -> None: ...
    def deliver(self, failure: BaseException | None = None) -> None: ...


class _Job(Generic[OwnedT, T]):
    """Some work, and the future of the loop that waits for it."""

    __slots__ = ("_failed", "_loop", "_settle", "_work", "future")

    def __init__(self, work: Callable[[OwnedT], T]) -> None:
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._settle: Callable[[], None] | None = None
        self._failed = False
        self.future: asyncio.Future[T] = self._loop.create_future()

    def carry_out(self, owned: OwnedT) -> None:
        if self.future.cancelled():
            return
        try:
            self._settle = partial(self.future.set_result, self._work(owned))
        except BaseException as exc:  # Every exception belongs to the caller of the job; the thread continues.
            self._settle, self._failed = partial(self.future.set_exception, exc), True

    def deliver(self, failure: BaseException | None = None) -> None:
        if failure is not None and not self._failed:
            self._settle = partial(self.future.set_exception, failure)
        with suppress(RuntimeError):  # The loop has ended, so no task waits.
            self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        settle, self._settle = self._settle, None
        if settle is not None and not self.future.done():
            settle()


class _Closing:
    """The message that ends a thread."""

    def __init__(self, closed: asyncio.Future[None]) -> None:
        self._closed = closed
        self._loop = closed.get_loop()

    def deliver(self) -> None:
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self._closed.done():
            self._closed.set_result(None)


_Inbox = SimpleQueue[_JobFor[OwnedT] | _Closing | Pause | None]


def _begin(
    name: str,
    open_: Callable[[], OwnedT],
    close: Callable[[OwnedT], object],
    around: Callable[[OwnedT], AbstractContextManager[object]],
) -> _Inbox[OwnedT]:
    """Start a thread, which must not refer to its owner, or the owner would never be collected."""
    inbox: _Inbox[OwnedT] = SimpleQueue()
    threading.Thread(target=_work, args=(inbox, open_, close, around), name=name, daemon=True).start()
    return inbox


def _work(
    inbox: _Inbox[OwnedT],
    open_: Callable[[], OwnedT],
    close: Callable[[OwnedT], object],
    around: Callable[[OwnedT], AbstractContextManager[object]],
) -> None:
    owned: list[OwnedT] = []  # At most one.
    while True:
        jobs, last = _take(inbox)
        if jobs:
            _carry_out(jobs, owned, open_, around)
        del jobs  # A waiting thread must not keep anything of a finished job alive.
        if last is _GOING_ON:
            continue
        while owned:
            with suppress(BaseException):  # Callers that wait for the end are woken even if closing fails.
                close(owned.pop())
        if isinstance(last, Pause):
            last.closed.set()
            last.over.wait()
            continue
        if isinstance(last, _Closing):
            last.deliver()
        return


_GOING_ON: Final = object()


def _take(inbox: _Inbox[OwnedT]) -> tuple[list[_JobFor[OwnedT]], object]:
    """Return the waiting jobs, at least one unless the thread must end."""
    jobs: list[_JobFor[OwnedT]] = []
    item = inbox.get()
    while True:
        if item is None or isinstance(item, _Closing | Pause):
            return jobs, item
        jobs.append(item)
        if len(jobs) >= _MOST_TOGETHER:
            return jobs, _GOING_ON
        try:
            item = inbox.get_nowait()
        except Empty:
            return jobs, _GOING_ON


def _carry_out(
    jobs: list[_JobFor[OwnedT]],
    owned: list[OwnedT],
    open_: Callable[[], OwnedT],
    around: Callable[[OwnedT], AbstractContextManager[object]],
) -> None:
    failure: BaseException | None = None
    try:
        if not owned:
            owned.append(open_())
        with around(owned[0]):
            for job in jobs:
                job.carry_out(owned[0])
    except BaseException as exc:  # Opening failed, or the commit of the jobs did.
        failure = exc
    for job in jobs:
        job.deliver(failure)
