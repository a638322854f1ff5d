"""What is under way in a run of a flow is known until it ends, however that comes."""

from __future__ import annotations

import asyncio

from lightagent.aiokits import abandon
from lightagent.application.flow.underway import Underway, WorkKey

KEY: WorkKey = ("a", 1, "attempt 1")


def nothing() -> None:
    """Nobody wants to know."""


async def wait() -> None:
    """It goes on until it is stopped."""
    await asyncio.Event().wait()


async def test_work_that_is_stopped_is_not_under_way_any_more() -> None:
    underway, stopped = Underway(nothing, 1), asyncio.Event()
    underway.reserve(KEY)
    underway.begin(KEY, wait)
    underway.stop(KEY, stopped.set)
    await stopped.wait()
    assert (underway.is_begun(KEY), underway.is_full, underway.failure) == (False, False, None)


async def test_work_that_was_given_up_does_not_end_what_was_begun_in_its_place() -> None:
    underway, go_on, last = Underway(nothing, 1), asyncio.Event(), asyncio.Event()

    async def stubborn() -> None:
        while not go_on.is_set():
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                continue

    underway.reserve(KEY)
    underway.begin(KEY, stubborn)
    await asyncio.sleep(0)
    stopped = asyncio.Event()
    underway.stop(KEY, stopped.set)
    await asyncio.wait_for(stopped.wait(), abandon.GRACE + 30)
    underway.reserve(KEY)

    async def work() -> None:
        await last.wait()

    underway.begin(KEY, work)
    go_on.set()
    for _ in range(3):
        await asyncio.sleep(0)
    assert underway.is_begun(KEY)
    assert underway.is_full
    last.set()
    for _ in range(3):
        await asyncio.sleep(0)
    assert underway.is_idle


async def test_what_work_raises_is_a_failure_of_the_run_and_a_cancellation_is_none() -> None:
    underway = Underway(nothing, 2)

    async def fail() -> None:
        raise ValueError("It broke.")

    async def cancelled() -> None:
        raise asyncio.CancelledError

    underway.begin(KEY, cancelled)
    await asyncio.sleep(0)
    assert underway.failure is None
    underway.begin(KEY, fail)
    await asyncio.sleep(0)
    assert isinstance(underway.failure, ValueError)
    assert underway.is_idle
