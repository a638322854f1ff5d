"""Work that does not end when it is cancelled is given up after a short grace."""

from __future__ import annotations

import asyncio

import pytest

from lightagent.aiokits.abandon import GRACE, Abandoned, TimeIsUp, abandoned_count, stop, within
from tests.support.loop_clock import play, play_timed


async def answers(seconds: float) -> str:
    await asyncio.sleep(seconds)
    return "done"


async def cleans_up(seconds: float, log: list[str]) -> None:
    """Takes so long for its cleanup."""
    try:
        await asyncio.sleep(1000)
    finally:
        await asyncio.sleep(seconds)
        log.append("clean")


async def answers_when_cancelled() -> str:
    try:
        await asyncio.sleep(1000)
    except asyncio.CancelledError:
        return "late"
    return "never"


async def fails_when_cancelled() -> None:
    try:
        await asyncio.sleep(1000)
    except asyncio.CancelledError:
        raise OSError("instead") from None


def test_work_that_is_on_time_has_its_result() -> None:
    assert play_timed(within(5, answers(3))) == ("done", 3)


def test_an_error_of_the_work_passes() -> None:
    async def fails() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        play(within(5, fails()))


def test_late_work_is_cancelled_and_its_cleanup_waited_for() -> None:
    log: list[str] = []

    async def late() -> float:
        with pytest.raises(TimeIsUp) as caught:
            await within(5, cleans_up(GRACE / 2, log))
        assert not isinstance(caught.value, Abandoned)
        return asyncio.get_running_loop().time()

    assert play(late()) == 5 + GRACE / 2
    assert log == ["clean"]


def test_work_that_does_not_end_is_given_up_and_counted_until_it_ends() -> None:
    log: list[str] = []

    async def stubborn() -> list[float]:
        loop, before = asyncio.get_running_loop(), abandoned_count()
        with pytest.raises(Abandoned):
            await within(5, cleans_up(60, log))
        given_up = loop.time()
        assert (abandoned_count(), log) == (before + 1, [])
        await asyncio.sleep(100)
        assert (abandoned_count(), log) == (before, ["clean"])
        return [given_up]

    assert play(stubborn()) == [5 + GRACE]


def test_work_that_answers_its_cancellation_with_a_result_or_an_error() -> None:
    """A result that came after all is given; an error that hides the cancellation is a timeout."""
    assert play(within(5, answers_when_cancelled())) == "late"
    with pytest.raises(TimeIsUp):
        play(within(5, fails_when_cancelled()))


def test_cancelling_the_caller_stops_the_work() -> None:
    log: list[str] = []

    async def cancelled() -> None:
        task = asyncio.create_task(within(500, cleans_up(0, log)))
        await asyncio.sleep(1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    play(cancelled())
    assert log == ["clean"]


def test_stopping_tasks_waits_for_all_but_the_stubborn_ones() -> None:
    log: list[str] = []

    async def stop_all() -> None:
        works = (cleans_up(0, log), cleans_up(GRACE / 2, log), cleans_up(60, log))
        quick, slow, stubborn = (asyncio.create_task(work) for work in works)
        ended = asyncio.create_task(answers(0))
        await asyncio.sleep(1)
        assert await stop((quick, slow, stubborn, ended)) == {stubborn}
        assert (asyncio.get_running_loop().time(), log) == (1 + GRACE, ["clean", "clean"])
        assert (quick.cancelled(), slow.cancelled(), ended.result()) == (True, True, "done")
        await asyncio.sleep(100)

    play(stop_all())


def test_stopping_tasks_that_have_ended_takes_no_time() -> None:
    async def stop_none() -> frozenset[asyncio.Task[str]]:
        task = asyncio.create_task(answers(0))
        await task
        return await stop((task,))

    assert play_timed(stop_none()) == (frozenset(), 0)
