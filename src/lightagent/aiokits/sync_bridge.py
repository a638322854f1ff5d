"""The one bridge from synchronous code to the event loop.

All synchronous calls of a process share one loop in a thread of its own: connections are kept between calls, and a call
works wherever it is made, in a plain script, in a thread, in a notebook and inside a running loop. The caller's context
variables go along. A worker thread that waits here does not count as one: what it waits for may need a thread as well.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Final, Generic, TypeVar

from lightagent.aiokits.worker_threads import standing_aside

T = TypeVar("T")

_STOP_SECONDS: Final = 5.0


def run_sync(work: Coroutine[object, object, T]) -> T:
    """The result of a coroutine, for a caller that is not async. A caller that is interrupted cancels the work."""
    with _free_bridge() as bridge, standing_aside():
        begun = _Begun()
        try:
            return asyncio.run_coroutine_threadsafe(begun.until_its_end(work), bridge.loop).result()
        finally:
            begun.stop(bridge)  # After KeyboardInterrupt the work must not go on behind the caller's back.


def iterate_sync(steps: AsyncGenerator[T, None]) -> Generator[T, None, None]:
    """The items of an async generator, as they come. Closing the iterator early closes the generator.

    The next item is made once the caller asks for it: whatever the generator does after an item does not happen to a
    caller who stops there.

    Raises:
        RuntimeError: the caller stands in the very loop that would make the items.
    """
    with _free_bridge(nested=False) as bridge:
        loop = bridge.loop  # It stays the stream's own, also if other runs use the bridge meanwhile.
    items: SimpleQueue[_Item[T] | _End] = SimpleQueue()
    wanted = asyncio.Event()
    begun = _Begun()
    try:
        future = asyncio.run_coroutine_threadsafe(begun.until_its_end(_pump(steps, items, wanted)), loop)
        while isinstance(item := _next_of(items, bridge), _Item):
            yield item.value
            with suppress(RuntimeError):  # The loop was closed at the end of the process; the end has been told.
                loop.call_soon_threadsafe(wanted.set)
        future.result()  # raises what the generator raised
    finally:
        begun.stop(bridge)


@dataclass(frozen=True, slots=True)
class _Item(Generic[T]):
    value: T


class _End:
    """Nothing of the generator runs any more."""


def _next_of(items: SimpleQueue[_Item[T] | _End], bridge: _Bridge) -> _Item[T] | _End:
    if bridge.is_here:  # Begun elsewhere, it would wait here for itself.
        raise _stream_in_its_own_loop()
    with standing_aside():
        return items.get()


class _Begun:
    """Work that was given to a loop.

    It is known before the work is handed over: a KeyboardInterrupt may come between the call that hands it over and
    the assignment of what that returns.
    """

    def __init__(self) -> None:
        self._ended = threading.Event()
        self._handed_over = False
        self._task: asyncio.Task[object] | None = None
        self._cancelled = False

    def until_its_end(self, work: Coroutine[object, object, T]) -> Coroutine[object, object, T]:
        """The work, as it is handed over."""
        self._handed_over = True
        return self._run(work)

    async def _run(self, work: Coroutine[object, object, T]) -> T:
        try:
            self._task = asyncio.current_task()
            if self._cancelled:
                work.close()
                raise asyncio.CancelledError
            return await work
        finally:
            self._ended.set()

    def stop(self, bridge: _Bridge) -> None:
        """Cancel the work unless it has ended, and wait for its end.

        The garbage collector may close a stream in any thread, also in the loop's own, which cannot wait for itself.
        """
        if self._handed_over and not self._ended.is_set():
            bridge.loop.call_soon_threadsafe(self._cancel)
            if not bridge.is_here:
                self._ended.wait(_STOP_SECONDS)

    def _cancel(self) -> None:
        self._cancelled = True
        if self._task is not None:
            self._task.cancel()


async def _pump(steps: AsyncGenerator[T, None], items: SimpleQueue[_Item[T] | _End], wanted: asyncio.Event) -> None:
    try:
        async with aclosing(steps):
            async for step in steps:
                items.put(_Item(step))
                await wanted.wait()
                wanted.clear()
    finally:
        items.put(_End())


class _Bridge:
    """A loop in a daemon thread, for the life of the process."""

    def __init__(self) -> None:
        self.blocked = False
        self.loop = asyncio.new_event_loop()
        self._stopping = False
        self.thread = threading.Thread(target=self._run, name="lightagent-loop", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        while not self._stopping:
            # Either, raised by somebody's tool, stops a loop: it ends the run it came from, and not the others.
            with suppress(KeyboardInterrupt, SystemExit):
                self.loop.run_forever()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())  # closes what adapters keep open in this loop
        self.loop.close()

    @property
    def is_here(self) -> bool:
        """Whether the calling thread is that of the loop."""
        return threading.current_thread() is self.thread

    def stop(self) -> None:
        """At exit: cancel what runs, close what is open."""
        self._stopping = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(_STOP_SECONDS)


# Reentrant, because a signal handler or a finalizer may make a synchronous call while its thread holds the lock.
_lock = threading.RLock()
_bridges: list[_Bridge] = []
"""One, unless an async tool called an agent synchronously: it blocks the loop it stands in, so another one serves."""


@contextmanager
def _free_bridge(*, nested: bool = True) -> Generator[_Bridge, None, None]:
    """A bridge whose loop runs. Until the end, the caller's own (if it stands in one) counts as blocked.

    A blocked bridge waits only for one that was not blocked at that moment, so none ever waits for itself.
    """
    caller = threading.current_thread()
    with _lock:
        own = next((bridge for bridge in _bridges if bridge.thread is caller), None)
        if own is not None and not nested:
            raise _stream_in_its_own_loop()
        was_blocked = own is not None and own.blocked
        if own is not None:
            own.blocked = True
        free = next((bridge for bridge in _bridges if not bridge.blocked), None) or _add_bridge()
    try:
        yield free
    finally:
        if own is not None:
            own.blocked = was_blocked  # A finalizer's call may stand inside another one's.


def _stream_in_its_own_loop() -> RuntimeError:
    return RuntimeError("A synchronous stream cannot be read inside a running agent's loop; use astream.")


def _add_bridge() -> _Bridge:
    if not _bridges:
        atexit.register(_stop_all)
    _bridges.append(_Bridge())
    return _bridges[-1]


def _stop_all() -> None:
    while _bridges:
        _bridges.pop().stop()


def _forget_after_fork() -> None:
    """A forked child has the loops' objects but not their threads."""
    global _lock
    _lock = threading.RLock()
    _bridges.clear()
    atexit.unregister(_stop_all)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
