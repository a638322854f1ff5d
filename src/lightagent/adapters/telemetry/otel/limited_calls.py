"""Calls that may hang, for callers who wait so long and no longer."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from queue import SimpleQueue


class _Call:
    def __init__(self, work: Callable[[], bool]) -> None:
        self.work = work
        self.done = threading.Event()
        self.went_well = False

    def carry_out(self) -> None:
        try:
            self.went_well = self.work()
        except Exception:
            self.went_well = False
        self.done.set()


class LimitedCalls:
    """Makes calls in a daemon thread, one after another.

    The thread begins with the object: as a process ends, no thread can begin any more. A call that hangs keeps neither
    its caller nor the end of the process.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._begin()

    def call(self, work: Callable[[], bool], timeout: float) -> bool:
        """What `work` gives; False where it raised, or was not done within `timeout` seconds."""
        if self._pid != os.getpid():  # A fork has no threads of its parent.
            self._begin()
        call = _Call(work)
        self._calls.put(call)
        return call.done.wait(max(timeout, 0.0)) and call.went_well

    def end(self) -> None:
        """End the thread, after the calls that wait."""
        self._calls.put(None)

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        threading.Thread(target=_serve, args=(self._calls,), name=self._name, daemon=True).start()


def _serve(calls: SimpleQueue[_Call | None]) -> None:
    while (call := calls.get()) is not None:
        call.carry_out()
