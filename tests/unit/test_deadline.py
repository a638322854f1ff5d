"""A deadline for a generator: it interrupts the waiting, never the consumer, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator

import pytest
from lightagent.application.deadline import Deadline, until


class Source:
    """Yields numbers after the given pauses, and knows how it ended."""

    def __init__(self, *pauses: float, stubborn: bool = False, answers: Exception | None = None) -> None:
        self._pauses = pauses
        self._stubborn = stubborn
        self._answers = answers
        self.closed = False

    async def items(self) -> AsyncGenerator[int, None]:
        try:
            for number, pause in enumerate(self._pauses):
                try:
                    await asyncio.sleep(pause)
                except asyncio.CancelledError:
                    if self._answers is not None:
                        raise self._answers from None
                    if not self._stubborn:
                        raise
                yield number
        finally:
            self.closed = True


def timers() -> list[asyncio.TimerHandle]:
    """What the loop has still to ring."""
    scheduled: list[asyncio.TimerHandle] = vars(asyncio.get_running_loop())["_scheduled"]
    return [handle for handle in scheduled if not handle.cancelled()]


def block(seconds: float) -> None:
    """Keep the loop from doing anything."""
    time.sleep(seconds)


async def collect(source: Source, seconds: float | None) -> list[int]:
    return [item async for item in until(source.items(), Deadline(math.inf if seconds is None else seconds))]


async def take(items: AsyncGenerator[int, None], seconds: float, into: list[int], hold: float = 0) -> None:
    """Keep what comes, each item only after holding it a while."""
    async for item in until(items, Deadline(seconds)):
        await asyncio.sleep(hold)
        into.append(item)


@pytest.mark.parametrize("seconds", [None, 5.0])
async def test_what_is_on_time_passes(seconds: float | None) -> None:
    source = Source(0, 0.01, 0)
    assert await collect(source, seconds) == [0, 1, 2]
    assert source.closed
    assert timers() == []


async def test_nothing_is_nothing() -> None:
    assert await collect(Source(), 1) == []
    assert timers() == []


async def test_what_is_late_ends_in_time_and_is_closed() -> None:
    source, got = Source(0, 30), list[int]()
    began = time.monotonic()
    with pytest.raises(TimeoutError, match=r"0\.05 s"):
        await take(source.items(), 0.05, got)
    assert time.monotonic() - began < 0.3
    assert got == [0]
    assert source.closed
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    assert timers() == []


@pytest.mark.parametrize("seconds", [0.0, -3.0])
async def test_no_time_at_all(seconds: float) -> None:
    with pytest.raises(TimeoutError):
        await collect(Source(30), seconds)


async def test_the_time_that_a_consumer_holds_an_item_does_not_count() -> None:
    source, held = Source(0.01, 0.01, 0.01), list[int]()
    await take(source.items(), 0.1, held, hold=0.15)
    assert held == [0, 1, 2]
    assert source.closed
    assert timers() == []


@pytest.mark.parametrize("hold", [0.0, 0.06, 0.15])
async def test_after_a_consumer_held_an_item_the_rest_of_the_time_is_left(hold: float) -> None:
    """Whether the timer, set for the time without a hold, rings during the hold or while the source is waited for."""
    source, held = Source(0.02, 30), list[int]()
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        await take(source.items(), 0.1, held, hold=hold)
    assert 0.1 + hold <= time.monotonic() - began < 0.1 + hold + 0.1
    assert held == [0]
    assert source.closed
    assert timers() == []


async def test_a_consumer_that_blocks_the_loop_is_not_interrupted_either() -> None:
    source, held = Source(0, 0.02, 0), list[int]()
    async for item in until(source.items(), Deadline(0.1)):
        block(0.15)
        held.append(item)
    assert held == [0, 1, 2]


async def test_a_deadline_tells_what_is_left_and_what_was_held() -> None:
    deadline = Deadline(20)
    async for _ in until(Source(0.02, 0).items(), deadline):
        await asyncio.sleep(0.05)
    assert 0.1 <= deadline.held < 0.2
    assert 19.8 < deadline.left() <= 19.98


async def test_many_items_are_served_by_one_timer() -> None:
    async def ready() -> AsyncGenerator[int, None]:
        for number in range(100):
            yield number

    seen = {id(timer) async for _ in until(ready(), Deadline(20)) for timer in timers()}
    assert len(seen) == 1


async def test_the_consumers_own_cancellation_goes_through() -> None:
    source = Source(30)
    task = asyncio.create_task(collect(source, 20))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.closed
    assert timers() == []


async def test_cancelled_from_outside_in_the_moment_it_is_late() -> None:
    """The deadline has cancelled the task, and so has somebody else before it woke: that is no timeout."""
    source = Source(30)
    loop = asyncio.get_running_loop()
    due = loop.time() + 0.05
    task = asyncio.create_task(collect(source, 0.05))
    loop.call_at(due + 0.001, task.cancel)
    await asyncio.sleep(0)
    while loop.time() < due + 0.02:
        pass  # block the loop, so that both are due at once
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert source.closed


async def test_an_outer_timeout_that_is_shorter_wins() -> None:
    source = Source(30)
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0.03):
            await collect(source, 20)
    assert "nothing within" not in str(caught.value)
    assert source.closed


async def test_an_outer_timeout_that_is_longer_still_works_after_ours() -> None:
    async with asyncio.timeout(0.3) as outer:
        with pytest.raises(TimeoutError, match="nothing within"):
            await collect(Source(30), 0.03)
        await asyncio.sleep(0)
    assert not outer.expired()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await asyncio.sleep(30)


@pytest.mark.parametrize("answers", [None, OSError("instead")])
async def test_a_source_that_swallows_the_cancellation_leaves_the_task_whole(answers: Exception | None) -> None:
    source = Source(30, 0, stubborn=True, answers=answers)
    with pytest.raises(OSError if answers is not None else TimeoutError):
        await collect(source, 0.03)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    async with asyncio.timeout(5) as outer:
        await asyncio.sleep(0)
    assert not outer.expired()


async def test_a_source_that_never_waits_is_not_endless() -> None:
    async def hot() -> AsyncGenerator[int, None]:
        while True:
            yield 1

    got = list[int]()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(take(hot(), 0.05, got), 5)
    assert len(got) > 10


async def test_closing_early_closes_the_source_and_stops_the_timer() -> None:
    source = Source(0, 30)
    items = until(source.items(), Deadline(20))
    assert await anext(items) == 0
    assert len(timers()) == 1
    await items.aclose()
    assert source.closed
    assert timers() == []


async def test_an_error_of_the_source_passes() -> None:
    async def fails() -> AsyncGenerator[int, None]:
        yield 1
        raise KeyError("x")

    got = list[int]()
    with pytest.raises(KeyError):
        await take(fails(), 20, got)
    assert got == [1]
    assert timers() == []


async def test_items_may_be_taken_by_several_tasks() -> None:
    items = until(Source(0.01, 0.01, 30).items(), Deadline(0.2))
    assert [await asyncio.create_task(_next(items)) for _ in range(2)] == [0, 1]
    with pytest.raises(TimeoutError):
        await asyncio.create_task(_next(items))


async def _next(items: AsyncGenerator[int, None]) -> int:
    return await anext(items)
