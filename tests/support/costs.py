"""What something costs, in figures that every machine agrees on: calls and memory, and how both times grow."""

import gc
import sys
import time
import tracemalloc
from collections.abc import Callable
from types import FrameType

ROUNDS = 5
TIMES = 10
ROOM = 5
"""A busy machine may make one of two measurements of one run so many times dearer."""


class CallCount:
    """How many functions this thread calls inside the `with`, of Python and of C."""

    def __init__(self) -> None:
        self.count = 0

    def __enter__(self) -> None:
        self._before, self._collects = sys.getprofile(), gc.isenabled()
        gc.disable()  # what a collection calls is nobody's cost
        sys.setprofile(self._note)

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before)
        if self._collects:
            gc.enable()

    def _note(self, _frame: FrameType, event: str, _argument: object) -> None:
        self.count += event in ("call", "c_call")


def count_calls(work: Callable[[], object]) -> int:
    """How many functions `work` calls; a few more for the counting itself."""
    calls = CallCount()
    with calls:
        work()
    return calls.count


def most_memory(work: Callable[[], object]) -> int:
    """How many bytes more than before there were at the most while `work` ran."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        work()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return most - before


def grows_evenly(work: Callable[[int], object], size: int) -> bool:
    """Whether ten times the size costs about ten times the CPU, and by far not a hundred times: both in one run."""
    small = min(_cpu(work, size) for _ in range(ROUNDS))
    return any(_cpu(work, size * TIMES) < small * TIMES * ROOM for _ in range(ROUNDS))


def _cpu(work: Callable[[int], object], size: int) -> float:
    began = time.thread_time()
    work(size)
    return time.thread_time() - began
