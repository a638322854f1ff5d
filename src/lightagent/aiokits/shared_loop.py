"""An event loop in a daemon thread, for objects that must outlive the loops of their users, and calls across loops.

A connection belongs to the loop that opened it. Where several loops use one, each may end before the others do; so it
lives here. A program with one loop never starts the thread.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_STOP_SECONDS: Final = 5.0


def shared_loop() -> asyncio.AbstractEventLoop:
    """Return the loop of the daemon thread, which starts with the first call."""
    global _running
    with _lock:
        if _running is None:
            _running = _Running()
            atexit.register(_running.stop)
        return _running.loop


def is_shared(loop: asyncio.AbstractEventLoop) -> bool:
    """Whether it is the loop of the daemon thread; this does not start the thread."""
    running = _running
    return running is not None and running.loop is loop


async def across(loop: asyncio.AbstractEventLoop, work: Callable[[], Coroutine[object, object, T]]) -> T:
    """Return the result of `work` in `loop`, which must keep running. In that loop itself, `work` is simply awaited.

    The caller's context variables are copied. A cancelled caller cancels the work, and does not wait for its end.

    Raises:
        asyncio.CancelledError: the caller was cancelled, or the work was, as where its loop ends.
    """
    here = asyncio.get_running_loop()
    if here is loop:
        return await work()
    crossing = _Crossing(here, work)
    loop.call_soon_threadsafe(crossing.start)
    try:
        return await crossing.answer
    except asyncio.CancelledError:
        with suppress(RuntimeError):  # The loop has ended, and the work with it.
            loop.call_soon_threadsafe(crossing.cancel)
        raise


class _Crossing(Generic[T]):
    """Work that crosses loops: `answer` belongs to the loop of the caller, the task to the other loop."""

    def __init__(self, here: asyncio.AbstractEventLoop, work: Callable[[], Coroutine[object, object, T]]) -> None:
        self._here = here
        self._work = work
        self._task: asyncio.Task[T] | None = None
        self._unwanted = False
        self.answer: asyncio.Future[T] = here.create_future()

    def start(self) -> None:
        if not self._unwanted:
            self._task = asyncio.get_running_loop().create_task(self._work())
            self._task.add_done_callback(self._hand_back)

    def cancel(self) -> None:
        self._unwanted = True
        if self._task is not None:
            self._task.cancel()

    def _hand_back(self, task: asyncio.Task[T]) -> None:
        if not task.cancelled():
            task.exception()  # Mark it as retrieved: where the caller's loop is gone, nothing else does.
        with suppress(RuntimeError):
            self._here.call_soon_threadsafe(self._settle, task)

    def _settle(self, task: asyncio.Task[T]) -> None:
        if self.answer.done():
            return
        if task.cancelled():
            self.answer.cancel()
        elif (error := task.exception()) is not None:
            self.answer.set_exception(error)
        else:
            self.answer.set_result(task.result())


class _Running:
    """The loop and its thread."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="lightagent-connections", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    def stop(self) -> None:
        """At exit: cancel what runs, so that connections close and child processes end."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(_STOP_SECONDS)


_lock = threading.Lock()
_running: _Running | None = None


def _forget_after_fork() -> None:
    """A forked child has the loop's object but not its thread."""
    global _lock, _running
    _lock = threading.Lock()
    if _running is not None:
        atexit.unregister(_running.stop)
        _running = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
