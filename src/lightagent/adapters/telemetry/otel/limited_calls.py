"""Calls that may hang, for callers who wait so long and no longer."""

from __future__ import annotations

import os
import threading
import weakref
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

    The thread begins with the object, and in a forked child at once: as a process ends, no thread can begin any more.
    A call that hangs keeps neither its caller nor the end of the process.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._begin()
        if hasattr(os, "register_at_fork"):  # Windows has no forks.
            begin_anew = weakref.WeakMethod(self._begin)
            os.register_at_fork(after_in_child=lambda: (again := begin_anew()) and again())

    def __del__(self) -> None:
        self.end()

    def call(self, work: Callable[[], bool], timeout: float) -> bool:
        """What `work` gives; False where it raised, or was not done within `timeout` seconds."""
        call = _Call(work)
        self._calls.put(call)
        return call.done.wait(max(timeout, 0.0)) and call.went_well

    def end(self) -> None:
        """End the thread, after the calls that wait."""
        self._calls.put(None)

    def _begin(self) -> None:
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        threading.Thread(target=_serve, args=(self._calls,), name=self._name, daemon=True).start()


def _serve(calls: SimpleQueue[_Call | None]) -> None:
    while (call := calls.get()) is not None:
        call.carry_out()
