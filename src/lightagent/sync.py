"""The one bridge from synchronous code to the event loop.

All synchronous calls of a process share one loop in a thread of its own: connections are kept between calls, and a call
works wherever it is made, in a plain script, in a thread, in a notebook and inside a running loop. The caller's context
variables go along.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import AsyncGenerator, Coroutine, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_STOP_SECONDS: Final = 5.0


def run_sync(work: Coroutine[object, object, T]) -> T:
    """The result of a coroutine, for a caller that is not async. A caller that is interrupted cancels the work."""
    bridge = _bridge()
    if threading.current_thread() is bridge.thread:
        return _beside(work)
    future = asyncio.run_coroutine_threadsafe(work, bridge.loop)
    try:
        return future.result()
    finally:
        future.cancel()  # after KeyboardInterrupt the work must not go on behind the caller's back


def iterate_sync(steps: AsyncGenerator[T, None]) -> Generator[T, None, None]:
    """The items of an async generator, as they come. Closing the iterator early closes the generator.

    Items are made while the caller still looks at earlier ones.
    """
    bridge = _bridge()
    if threading.current_thread() is bridge.thread:
        raise RuntimeError("A synchronous stream cannot be read inside a running agent's loop; use astream.")
    items: SimpleQueue[_Item[T] | _End] = SimpleQueue()
    item: _Item[T] | _End | None = None
    future = asyncio.run_coroutine_threadsafe(_pump(steps, items), bridge.loop)
    try:
        while isinstance(item := items.get(), _Item):
            yield item.value
        future.result()  # raises what the generator raised
    finally:
        future.cancel()
        with suppress(Empty):
            while not isinstance(item, _End):  # until nothing of it runs any more
                item = items.get(timeout=_STOP_SECONDS)


@dataclass(frozen=True, slots=True)
class _Item(Generic[T]):
    value: T


class _End:
    """Nothing of the generator runs any more."""


async def _pump(steps: AsyncGenerator[T, None], items: SimpleQueue[_Item[T] | _End]) -> None:
    try:
        async with aclosing(steps):
            async for step in steps:
                items.put(_Item(step))
    finally:
        items.put(_End())


def _beside(work: Coroutine[object, object, T]) -> T:
    """An async tool that calls an agent synchronously stands in the bridge's own loop: it gets a loop beside it."""
    with ThreadPoolExecutor(1, thread_name_prefix="lightagent-nested") as pool:
        return pool.submit(asyncio.run, work).result()


class _Bridge:
    """A loop in a daemon thread, for the life of the process."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, name="lightagent-loop", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
        finally:
            self._finish()

    def _finish(self) -> None:
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())  # closes what adapters keep open in this loop
        self.loop.close()

    def stop(self) -> None:
        """At exit: cancel what runs, close what is open."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(_STOP_SECONDS)


_lock = threading.Lock()
_current: _Bridge | None = None


def _bridge() -> _Bridge:
    global _current
    with _lock:
        if _current is None:
            _current = _Bridge()
            atexit.register(_current.stop)
        return _current


def _forget_after_fork() -> None:
    """A forked child has the loop's object but not its thread."""
    global _current, _lock
    _lock = threading.Lock()
    if _current is not None:
        atexit.unregister(_current.stop)
        _current = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_after_fork)
