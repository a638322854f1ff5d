"""A deadline interrupts the block that it guards, never its consumer, and leaves nothing behind.

The loop of these tests has a clock that jumps from one timer to the next, so seconds are exact and cost nothing.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import suppress

import pytest

from lightagent.aiokits.deadline import Deadline
from tests.support.loop_clock import advance, jumping


def now() -> float:
    return asyncio.get_running_loop().time()


def cancellations() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


class Source:
    """A generator under a deadline: it yields numbers after the given pauses, paused while its consumer has one."""

    def __init__(self, deadline: Deadline, *pauses: float, answers: Exception | None = None) -> None:
        self._deadline = deadline
        self._pauses = pauses
        self._answers = answers
        self.closed = False

    async def items(self) -> AsyncGenerator[int, None]:
        try:
            with self._deadline:
                for number, pause in enumerate(self._pauses):
                    try:
                        await asyncio.sleep(pause)
                    except asyncio.CancelledError:
                        if self._answers is not None:
                            raise self._answers from None
                        raise
                    self._deadline.pause()
                    yield number
                    self._deadline.resume()
        finally:
            self.closed = True


async def take(source: Source, into: list[int], hold: float = 0) -> None:
    """Keep what comes, each item only after holding it a while."""
    async for item in source.items():
        await asyncio.sleep(hold)
        into.append(item)


@pytest.mark.parametrize("seconds", [math.inf, 5.0])
@jumping
async def test_a_block_that_ends_in_time_is_left_alone(seconds: float) -> None:
    source, got = Source(Deadline(seconds), 1, 2, 0), list[int]()
    await take(source, got)
    assert got == [0, 1, 2]
    assert source.closed


@jumping
async def test_a_late_block_ends_at_the_deadline_and_is_closed() -> None:
    deadline = Deadline(5)
    source, got = Source(deadline, 0, 30), list[int]()
    with pytest.raises(TimeoutError):
        await take(source, got)
    assert (now(), got, source.closed, deadline.expired) == (5, [0], True, True)
    assert cancellations() == 0


@pytest.mark.parametrize("seconds", [0.0, -3.0])
@jumping
async def test_a_deadline_that_has_passed_lets_nothing_wait(seconds: float) -> None:
    with pytest.raises(TimeoutError):
        await take(Source(Deadline(seconds), 30), [])
    assert now() == 0


@jumping
async def test_the_time_that_a_consumer_holds_an_item_does_not_count() -> None:
    source, held = Source(Deadline(10), 3, 3, 3), list[int]()
    await take(source, held, hold=60)
    assert held == [0, 1, 2]


@pytest.mark.parametrize("hold", [0.0, 5.0, 9.0, 60.0])
@jumping
async def test_after_a_consumer_held_an_item_the_rest_of_the_time_is_left(hold: float) -> None:
    """Whether the first timer rings during the hold, or after it while the block waits."""
    source, held = Source(Deadline(10), 2, 30), list[int]()
    with pytest.raises(TimeoutError):
        await take(source, held, hold=hold)
    assert (now(), held, source.closed) == (10 + hold, [0], True)


@jumping
async def test_a_consumer_that_blocks_the_loop_is_not_interrupted_either() -> None:
    source, held = Source(Deadline(10), 0, 2, 0), list[int]()
    async for item in source.items():
        advance(60)
        held.append(item)
    assert held == [0, 1, 2]


@jumping
async def test_a_deadline_tells_what_is_left() -> None:
    with Deadline(100) as outer, Deadline(20, outer) as deadline:
        await asyncio.sleep(5)
        assert (outer.remaining(), deadline.remaining()) == (95, 15)
        deadline.pause()
        await asyncio.sleep(1000)
        deadline.resume()
        assert (outer.remaining(), deadline.remaining()) == (95, 15)
        advance(17)
        assert deadline.remaining() == -2
    with Deadline(3) as outer, Deadline(20, outer) as deadline:
        assert deadline.remaining() == 3
    with Deadline(math.inf) as endless:
        assert endless.remaining() == math.inf


@pytest.mark.parametrize(("inner", "outer"), [(20.0, 5.0), (math.inf, 5.0), (20.0, math.inf)])
@jumping
async def test_the_nearer_of_two_deadlines_interrupts(inner: float, outer: float) -> None:
    whole = Deadline(outer)
    part = Deadline(inner, whole)

    async def block() -> None:
        with whole, part:
            part.pause()
            await asyncio.sleep(7)
            part.resume()
            await asyncio.sleep(60)

    with pytest.raises(TimeoutError):
        await block()
    assert (whole.expired, part.expired) == (outer < inner, inner < outer)
    assert now() == 7 + min(inner, outer)


@jumping
async def test_a_block_that_never_waits_can_ask() -> None:
    with Deadline(math.inf) as endless, Deadline(5, endless) as near, Deadline(60, near) as far:
        advance(4)
        far.check()
        advance(1)
        for deadline in (far, near):
            with pytest.raises(TimeoutError):
                deadline.check()
        endless.check()
    assert (far.expired, near.expired, endless.expired) == (False, True, False)


@jumping
async def test_a_cancellation_from_outside_goes_through() -> None:
    source = Source(Deadline(20), 30)
    task = asyncio.create_task(take(source, []))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.closed


@jumping
async def test_a_cancellation_from_outside_in_the_moment_of_the_deadline_is_no_timeout() -> None:
    """The deadline has cancelled the task, and so has somebody else before it woke."""
    source, loop = Source(Deadline(5), 30), asyncio.get_running_loop()
    task = asyncio.create_task(take(source, []))
    await asyncio.sleep(0)
    loop.call_at(5.001, task.cancel)
    advance(6)  # Both are due at once.
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    assert source.closed


@jumping
async def test_a_timeout_of_asyncio_around_it_that_is_shorter_wins() -> None:
    deadline = Deadline(20)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3) as outer:
            await take(Source(deadline, 30), [])
    assert (outer.expired(), deadline.expired, now()) == (True, False, 3)


@jumping
async def test_a_timeout_of_asyncio_around_it_that_is_longer_still_works() -> None:
    async with asyncio.timeout(30) as outer:
        with pytest.raises(TimeoutError):
            await take(Source(Deadline(3), 60), [])
        await asyncio.sleep(0)
    assert not outer.expired()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5):
            await asyncio.sleep(30)
    assert now() == 8


@jumping
async def test_a_block_that_answers_its_cancellation_with_an_error_leaves_the_task_whole() -> None:
    with pytest.raises(OSError, match="instead"):
        await take(Source(Deadline(3), 30, answers=OSError("instead")), [])
    assert cancellations() == 0
    async with asyncio.timeout(5) as outer:
        await asyncio.sleep(0)
    assert not outer.expired()


@jumping
async def test_a_block_that_swallows_its_cancellation_leaves_the_task_whole() -> None:
    deadline = Deadline(3)
    with deadline, suppress(asyncio.CancelledError):
        await asyncio.sleep(30)
    assert deadline.expired
    assert cancellations() == 0


@jumping
async def test_an_error_of_the_block_passes() -> None:
    with pytest.raises(KeyError), Deadline(20):
        raise KeyError("x")
    await asyncio.sleep(60)
    assert cancellations() == 0


@jumping
async def test_a_block_that_was_left_early_is_not_interrupted_later() -> None:
    source = Source(Deadline(20), 0, 30)
    items = source.items()
    assert await anext(items) == 0
    await items.aclose()
    assert source.closed
    await asyncio.sleep(60)


@jumping
async def test_one_task_after_another_may_drive_the_block() -> None:
    deadline = Deadline(20)
    items = Source(deadline, 1, 1, 30).items()
    assert [await asyncio.create_task(_next(items)) for _ in range(2)] == [0, 1]
    with pytest.raises(TimeoutError):
        await asyncio.create_task(_next(items))
    assert (now(), deadline.expired) == (20, True)


async def _next(items: AsyncGenerator[int, None]) -> int:
    return await anext(items)


@jumping
async def test_a_paused_deadline_does_not_delay_another_of_the_same_length() -> None:
    """They share a timer, which must go on to ring for those that were not paused."""
    ended: list[tuple[str, float]] = []

    async def paused() -> None:
        with suppress(TimeoutError), Deadline(60) as deadline:
            deadline.pause()
            await asyncio.sleep(30)
            deadline.resume()
            await asyncio.sleep(1000)
        ended.append(("paused", now()))

    async def steady() -> None:
        await asyncio.sleep(10)
        with suppress(TimeoutError), Deadline(60):
            await asyncio.sleep(1000)
        ended.append(("steady", now()))

    await asyncio.gather(paused(), steady())
    assert ended == [("steady", 70), ("paused", 90)]
