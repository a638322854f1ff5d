"""Abandons work that does not end when it is cancelled: a deadline must not wait for the cleanup of foreign code."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Collection, Coroutine
from typing import Final, TypeVar

T = TypeVar("T")

GRACE: Final = 0.5
"""Seconds that cancelled work may take to clean up before it is abandoned."""

_abandoned: Final[set[asyncio.Task[object]]] = set()


class TimeIsUp(TimeoutError):
    """The work exceeded its time limit, and was cancelled."""


class Abandoned(TimeIsUp):
    """The work did not end when it was cancelled. It keeps running, and nothing waits for it."""


def abandoned_count() -> int:
    """Return how many abandoned tasks of this process have not ended yet."""
    return len(_abandoned)


async def within(seconds: float | None, work: Coroutine[object, object, T]) -> T:
    """Run `work` in its own task and return its result. A cancelled caller waits at most `GRACE` for its end.

    Args:
        seconds: how long it may take; None for no limit.

    Raises:
        TimeIsUp: it took longer, and was cancelled.
        Abandoned: it took longer, and did not end when it was cancelled.
        SystemExit: the work raised it in time. It is raised in the task of the caller, which may catch it.
    """
    task = asyncio.create_task(_contained(work))
    try:
        await asyncio.wait((task,), timeout=seconds)
        if task.done():
            return _handed_over(task.result())
    finally:
        given_up = await stop((task,))
        if inspect.iscoroutine(work) and inspect.getcoroutinestate(work) == inspect.CORO_CREATED:
            work.close()  # Its task was cancelled before it began.
    if given_up:
        raise Abandoned
    if not task.cancelled() and task.exception() is None and isinstance(late := task.result(), tuple):
        return late[0]  # It ended in the very moment the time was over.
    raise TimeIsUp


async def _contained(work: Coroutine[object, object, T]) -> tuple[T] | SystemExit:
    """Return the result of `work`, or its `SystemExit` as a value: asyncio would raise that through the loop."""
    try:
        return (await work,)
    except SystemExit as exc:
        return exc


def _handed_over(result: tuple[T] | SystemExit) -> T:
    if isinstance(result, SystemExit):
        raise result
    return result[0]


async def stop(tasks: Collection[asyncio.Task[T]], grace: float = GRACE) -> frozenset[asyncio.Task[T]]:
    """Cancel tasks and wait for their end, but not longer than `grace`; those that have not ended then."""
    unfinished = [task for task in tasks if not task.done()]
    if not unfinished:
        return frozenset()
    for task in unfinished:
        task.cancel()
    try:
        await asyncio.wait(unfinished, timeout=grace)
    finally:  # The waiting task may be cancelled once more.
        pending = frozenset(task for task in unfinished if not task.done())
        for task in pending:
            _abandoned.add(task)
            task.add_done_callback(_ended)
    return pending


async def to_the_end(work: Coroutine[object, object, T]) -> T:
    """Return the result of `work`; a cancellation of the caller interrupts it only if it does not end within `GRACE`.

    For work that should not be left half done, such as returning a lease.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait((task,))
    except asyncio.CancelledError:
        try:
            await asyncio.wait((task,), timeout=GRACE)
        finally:
            if not task.done():
                task.cancel()
                _abandoned.add(task)
                task.add_done_callback(_ended)
            else:
                _ended(task)
        raise
    return task.result()


def _ended(task: asyncio.Task[object]) -> None:
    _abandoned.discard(task)
    if not task.cancelled():
        task.exception()  # Seen, so that asyncio does not report it as never retrieved.
