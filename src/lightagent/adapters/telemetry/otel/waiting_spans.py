"""What has to wait until no lock can be held: the ends of spans that the garbage collector brings about.

A finalizer runs in the middle of anything, also of the SDK's own code, while its thread holds a lock that ending a span
or recording a measurement would take once more. So what a finalizer leaves goes into a queue that takes no lock, and is
seen to by the next run, at a flush, and when the process ends.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Final

_LOGGER: Final = logging.getLogger("lightagent")
_WAITING: Final[SimpleQueue[Callable[[], None]]] = SimpleQueue()


def later(work: Callable[[], None]) -> None:
    """Have something done by the next call of `catch_up`; may be called from a finalizer."""
    _WAITING.put(work)


def catch_up() -> None:
    """Do what waits."""
    while not _WAITING.empty():
        try:
            work = _WAITING.get_nowait()
        except Empty:  # Another thread was faster.
            return
        try:
            work()
        except Exception:  # Span processors are foreign code; their errors must not reach the run.
            _LOGGER.exception("A span could not be ended.")


def this_task() -> object:
    """The task that runs; None where none does, such as in a finalizer between two tasks."""
    try:
        return asyncio.current_task()
    except RuntimeError:  # No loop runs in this thread.
        return None
