"""Did the test leave anything behind: asyncio tasks, threads, sockets?

Tasks of every event loop in the process are found through the garbage collector, sockets through /proc/self/fd.
"""

import asyncio
import gc
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from tests.servers.polling import ticks

SETTLE_SECONDS = 15.0
OWN_PREFIX = "lightagent-"
LOOP_POOL_PREFIX = "asyncio_"


@dataclass(frozen=True)
class Snapshot:
    """What there is now: tasks and threads as objects, sockets by inode with a description each."""

    tasks: frozenset["asyncio.Task[object]"]
    threads: frozenset[threading.Thread]
    sockets: dict[str, str]

    @classmethod
    def take(cls) -> "Snapshot":
        return cls(frozenset(_live_tasks()), frozenset(threading.enumerate()), dict(_open_sockets()))


@dataclass
class LeakCheck:
    """Compares now with then. Allowed: threads and tasks whose names begin with an allowed prefix, the sockets by
    which such threads wake their loops, and idle threads of a loop's own pool.
    """

    before: Snapshot = field(default_factory=Snapshot.take)
    allowed: tuple[str, ...] = (OWN_PREFIX,)

    def rebase(self) -> None:
        """What there is now counts as there before (after a warm-up)."""
        self.before = Snapshot.take()

    def allow(self, *prefixes: str) -> None:
        """Threads and tasks with such names are no leak in this test."""
        self.allowed += prefixes

    def found(self) -> list[str]:
        """What is there now and was not before, a line each."""
        now = Snapshot.take()
        threads = now.threads - self.before.threads
        ours = {thread for thread in threads if thread.name.startswith(self.allowed)}
        tasks = {task for task in now.tasks - self.before.tasks if not task.get_name().startswith(self.allowed)}
        new_sockets = [text for inode, text in now.sockets.items() if inode not in self.before.sockets]
        wake_ups = [text for text in new_sockets if text.startswith("unix")]
        left = [text for text in new_sockets if not text.startswith("unix")] + wake_ups[2 * len(ours) :]
        return [
            *(f"task {task!r}" for task in tasks),
            *(f"thread {thread!r}" for thread in threads - ours if not _idle_in_pool(thread)),
            *(f"socket {text}" for text in left),
        ]

    async def settle(self, within: float = SETTLE_SECONDS) -> None:
        """Fail unless all is gone within so many seconds."""
        left: list[str] = []
        for pause in ticks(within):
            left = self.found()
            if not left:
                return
            gc.collect()  # what nothing refers to any more is no leak
            await asyncio.sleep(pause)
        raise _failure(left, within)

    def wait(self, within: float = SETTLE_SECONDS) -> None:
        """The same, for tests without an event loop."""
        left: list[str] = []
        for pause in ticks(within):
            left = self.found()
            if not left:
                return
            gc.collect()  # what nothing refers to any more is no leak
            time.sleep(pause)
        raise _failure(left, within)


def _failure(left: list[str], within: float) -> AssertionError:
    return AssertionError("\n".join([f"left behind {within:g} s after the test:", *left]))


def _live_tasks() -> Iterator["asyncio.Task[object]"]:
    current = _current_task()
    for thing in gc.get_objects():
        if issubclass(type(thing), asyncio.Task) and thing is not current and not thing.done():
            yield thing


def _current_task() -> "asyncio.Task[object] | None":
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def _open_sockets() -> Iterator[tuple[str, str]]:
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            link = str(descriptor.readlink())
            if link.startswith("socket:"):
                yield link, _describe(int(descriptor.name))
        except OSError:
            continue  # closed since it was listed


def _describe(number: int) -> str:
    with socket.socket(fileno=os.dup(number)) as copy:
        if copy.family == socket.AF_UNIX:
            return f"unix (descriptor {number})"
        return f"{copy.getsockname()} -> {_peer(copy)} (descriptor {number})"


def _peer(connection: socket.socket) -> str:
    try:
        return str(connection.getpeername())
    except OSError:
        return "not connected"


def _idle_in_pool(thread: threading.Thread) -> bool:
    """A thread of the loop's default executor that waits for work ends with its loop; one that works is a leak."""
    frame: FrameType | None = sys._current_frames().get(thread.ident or 0)
    waiting = frame is not None and frame.f_code.co_name == "_worker"
    return thread.name.startswith(LOOP_POOL_PREFIX) and waiting
