"""The limit of concurrent requests to models, as a worker sets it for all that it carries out."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from typing import Final, TypeVar

from lightagent.aiokits.deadline import Deadline
from lightagent.aiokits.room import Room

T = TypeVar("T")

MODEL_CALLS: Final[ContextVar[Room | None]] = ContextVar("lightagent_model_calls", default=None)
"""Where requests to models have to find a place; None if there is no limit."""


@contextmanager
def limited_model_calls(most: int | None) -> Generator[None]:
    """Within it, and within all tasks and threads that are begun there, so many requests to models go on at once.

    Args:
        most: None for no limit.
    """
    token = MODEL_CALLS.set(None if most is None else Room(most))
    try:
        yield
    finally:
        MODEL_CALLS.reset(token)


async def in_a_place(room: Room, work: Callable[[], Coroutine[object, object, T]], deadline: Deadline | None) -> T:
    """Return the result of a request to a model that waits for its place first.

    A request that is made within another one, such as by a model that is an agent, needs no place of its own, since it
    would wait for one that its caller holds.

    Args:
        deadline: does not count the time in which the request waits.
    """
    await _place(room, deadline)
    token = MODEL_CALLS.set(None)
    try:
        return await work()
    finally:
        with suppress(ValueError):  # The task that drives a streamed run may be another one by now.
            MODEL_CALLS.reset(token)
        room.give_back()


async def _place(room: Room, deadline: Deadline | None) -> None:
    if deadline is None or not room.is_full:
        await room.take()
        return
    deadline.pause()
    try:
        await room.take()
    finally:
        deadline.resume()
