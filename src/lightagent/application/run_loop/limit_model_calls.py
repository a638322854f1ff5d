"""The limit of concurrent requests to models, as a worker sets it for all that it carries out."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Final, TypeVar

from lightagent.aiokits.deadline import Deadline
from lightagent.aiokits.shared_semaphore import SharedSemaphore

T = TypeVar("T")

MODEL_CALLS: Final[ContextVar[SharedSemaphore | None]] = ContextVar("lightagent_model_calls", default=None)
"""The semaphore that requests to models acquire; None if there is no limit."""


@contextmanager
def limited_model_calls(most: int | None) -> Generator[None]:
    """Within it, and within all tasks and threads that are begun there, so many requests to models go on at once.

    Args:
        most: None for no limit.
    """
    token = MODEL_CALLS.set(None if most is None else SharedSemaphore(most))
    try:
        yield
    finally:
        MODEL_CALLS.reset(token)


async def within_limit(
    semaphore: SharedSemaphore, work: Callable[[], Coroutine[object, object, T]], deadline: Deadline | None
) -> T:
    """Make a request to a model once the semaphore admits it, and return its result.

    A request that is made within another one, such as by a model that is an agent, acquires nothing, since it would
    wait for what its caller holds.

    Args:
        deadline: does not count the time in which the request waits.
    """
    await _acquire(semaphore, deadline)
    token = MODEL_CALLS.set(None)
    try:
        return await work()
    finally:
        with suppress(ValueError):  # The task that drives a streamed run may be another one by now.
            MODEL_CALLS.reset(token)
        semaphore.release()


async def _acquire(semaphore: SharedSemaphore, deadline: Deadline | None) -> None:
    if deadline is None or not semaphore.is_full:
        await semaphore.acquire()
        return
    deadline.pause()
    try:
        await semaphore.acquire()
    finally:
        deadline.resume()
