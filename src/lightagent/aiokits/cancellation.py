"""Tells whether the current task was cancelled from outside, or only something that it waited for.

Both arrive as a `CancelledError`. A task counts the cancellations that were asked of it, but it never forgets one that
it swallowed; and where foreign code runs in a task that was made for it, that code may cancel the task itself. So
code that runs foreign code says what counts as a cancellation from outside while it runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from contextvars import ContextVar
from types import TracebackType
from typing import Final, TypeAlias, TypeVar

T = TypeVar("T")

IsCancelled: TypeAlias = Callable[[], bool]
"""Returns whether the work was cancelled from outside; may be called from any task of the loop."""


class CancellationScope:
    """Within this context, the current task counts as cancelled if `is_cancelled` says so.

    It may be entered by one task and left by another, as in a generator.
    """

    __slots__ = ("_before", "_is_cancelled")

    def __init__(self, is_cancelled: IsCancelled) -> None:
        self._is_cancelled = is_cancelled

    def __enter__(self) -> None:
        self._before = _scope.get()
        _scope.set((current_task(), self._is_cancelled))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _scope.set(self._before)


_Scope: TypeAlias = tuple[asyncio.Task[object] | None, IsCancelled]
_scope: Final[ContextVar[_Scope | None]] = ContextVar("lightagent_cancellation_scope", default=None)


def current_task() -> asyncio.Task[object] | None:
    """Return the current task, or None outside of an event loop."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def is_cancelled() -> bool:
    """Whether the current task was cancelled from outside, and not something that it waited for."""
    return cancellation()()


def cancellation() -> IsCancelled:
    """Return a function that says whether the current task was cancelled, for use in the tasks that it creates."""
    task, scope = current_task(), _scope.get()
    if scope is not None and scope[0] is task:  # A task that was made within has the context of the one around it.
        return scope[1]
    return lambda: task is not None and task.cancelling() > 0


async def from_now_on() -> IsCancelled:
    """Return a function that says whether the current task was cancelled after this call.

    Raises:
        asyncio.CancelledError: the task was cancelled before this call, and has not noticed it yet.
    """
    task = current_task()
    before = 0 if task is None else task.cancelling()
    if before:
        await asyncio.sleep(0)  # Raises a cancellation that is still pending; earlier ones were swallowed.
    return lambda: task is not None and task.cancelling() > before


async def all_at_once(works: Iterable[Coroutine[object, object, T]]) -> list[T]:
    """Run these concurrently and return their results in order.

    Each has its own task, which counts as cancelled only if the current one is: foreign code that cancels its own task
    has failed.
    """
    is_cancelled = cancellation()

    async def within_scope(work: Coroutine[object, object, T]) -> T:
        with CancellationScope(is_cancelled):
            return await work

    return await asyncio.gather(*map(within_scope, works))
