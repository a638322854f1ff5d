"""A coroutine hands items to its consumer from any depth, in the consumer's own task."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import AsyncGenerator
from contextlib import aclosing

import pytest

from lightagent.aiokits.hand_over import HandOver

HERE = contextvars.ContextVar("HERE", default="nowhere")


class Work:
    """Gives numbers from some depth of its awaits, and notes what it did."""

    def __init__(self, count: int = 3, error: Exception | None = None) -> None:
        self.way: HandOver[int] = HandOver()
        self.log: list[str] = []
        self._count = count
        self._error = error

    async def begin(self) -> None:
        self.log.append("began")
        try:
            for number in range(self._count):
                await self._deep(number)
            if self._error is not None:
                raise self._error
        finally:
            await asyncio.sleep(0)
            self.log.append("cleaned up")

    async def _deep(self, number: int) -> None:
        await asyncio.sleep(0)
        await self.way.give(number)
        self.log.append(f"{number} was taken")

    def items(self) -> AsyncGenerator[int, None]:
        return self.way.items(self.begin)


async def test_items_come_in_order_and_the_work_goes_on_when_the_next_is_asked_for() -> None:
    work = Work(2)
    items = work.items()
    assert work.log == []
    assert await anext(items) == 0
    await asyncio.sleep(0)
    assert work.log == ["began"]
    assert await anext(items) == 1
    assert work.log == ["began", "0 was taken"]
    with pytest.raises(StopAsyncIteration):
        await anext(items)
    assert work.log == ["began", "0 was taken", "1 was taken", "cleaned up"]


async def test_work_that_gives_nothing_has_no_items() -> None:
    assert [item async for item in Work(0).items()] == []


async def test_an_error_of_the_work_is_raised_to_the_consumer() -> None:
    work = Work(1, KeyError("x"))
    items = work.items()
    assert await anext(items) == 0
    with pytest.raises(KeyError):
        await anext(items)
    assert work.log[-1] == "cleaned up"


async def test_work_that_fails_before_its_first_item_raises_as_well() -> None:
    with pytest.raises(KeyError):
        await anext(Work(0, KeyError("x")).items())


async def test_leaving_early_makes_the_work_clean_up() -> None:
    work = Work()
    async with aclosing(work.items()) as items:
        assert await anext(items) == 0
    assert work.log == ["began", "cleaned up"]


async def test_work_that_is_left_before_it_began_never_begins() -> None:
    work = Work()
    await work.items().aclose()
    assert work.log == []


async def test_items_that_are_given_while_cleaning_up_are_dropped() -> None:
    way: HandOver[int] = HandOver()
    log: list[str] = []

    async def begin() -> None:
        try:
            await way.give(1)
        finally:
            await way.give(2)
            log.append("cleaned up")

    items = way.items(begin)
    assert await anext(items) == 1
    await items.aclose()
    assert log == ["cleaned up"]


async def test_an_error_while_cleaning_up_is_raised_to_who_leaves() -> None:
    way: HandOver[int] = HandOver()

    async def begin() -> None:
        try:
            await way.give(1)
        finally:
            raise OSError("disk full")

    items = way.items(begin)
    assert await anext(items) == 1
    with pytest.raises(OSError, match="disk full"):
        await items.aclose()


async def test_a_cancellation_of_the_consumer_reaches_the_work() -> None:
    way: HandOver[int] = HandOver()
    log: list[str] = []

    waits = asyncio.Event()

    async def begin() -> None:
        await way.give(1)
        waits.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            log.append("cancelled")
            raise

    async def consume() -> None:
        log.extend([f"got {item}" async for item in way.items(begin)])

    task = asyncio.create_task(consume())
    await waits.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log == ["cancelled"]


async def test_the_work_runs_in_the_task_and_context_of_its_consumer() -> None:
    way: HandOver[object] = HandOver()

    async def begin() -> None:
        await way.give((asyncio.current_task(), HERE.get()))
        await way.give((asyncio.current_task(), HERE.get()))

    items = way.items(begin)
    for place in ("first", "second"):
        HERE.set(place)
        assert await anext(items) == (asyncio.current_task(), place)


async def test_two_may_be_read_at_once() -> None:
    first, second = Work(50), Work(50)

    async def read(work: Work) -> list[int]:
        return [item async for item in work.items()]

    one, other = await asyncio.gather(read(first), read(second))
    assert one == other == [*range(50)]
