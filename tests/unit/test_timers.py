"""One timer of a loop serves all waits of the same length."""

from __future__ import annotations

import asyncio
import gc
import weakref

from lightagent.aiokits.timers import shared_timer
from tests.support.loop_clock import play


class Alarm:
    """Notes when it was rung."""

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self.moment = self._loop.time() + seconds
        self.rung: list[float] = []
        shared_timer(self._loop, seconds).add(self)

    def ring(self) -> None:
        self.rung.append(self._loop.time())


def timers() -> int:
    """How many timers the loop has."""
    scheduled: list[asyncio.TimerHandle] = vars(asyncio.get_running_loop())["_scheduled"]
    return len([handle for handle in scheduled if not handle.cancelled()])


def test_waits_are_rung_once_at_their_moments() -> None:
    async def wait() -> list[list[float]]:
        first, other = Alarm(10), Alarm(4)
        await asyncio.sleep(3)
        second = Alarm(10)
        await asyncio.sleep(60)
        return [first.rung, other.rung, second.rung]

    assert play(wait()) == [[10], [4], [13]]


def test_waits_of_one_length_have_one_timer_which_goes_with_the_last() -> None:
    async def wait() -> tuple[list[int], bool]:
        loop = asyncio.get_running_loop()
        counts = [timers()]
        alarms = [Alarm(10) for _ in range(1000)]
        counts.append(timers())
        timer = shared_timer(loop, 10)
        for alarm in alarms:
            timer.discard(alarm)
        counts.append(timers())
        await asyncio.sleep(20)
        counts.append(timers())
        assert not any(alarm.rung for alarm in alarms)
        return counts, shared_timer(loop, 10) is timer

    assert play(wait()) == ([0, 1, 1, 0], False)


def test_a_wait_that_was_discarded_does_not_keep_the_next_from_its_moment() -> None:
    async def wait() -> tuple[list[float], list[float]]:
        first = Alarm(10)
        await asyncio.sleep(4)
        second = Alarm(10)
        shared_timer(asyncio.get_running_loop(), 10).discard(first)
        await asyncio.sleep(60)
        return first.rung, second.rung

    assert play(wait()) == ([], [14])


def test_a_wait_that_was_prolonged_is_rung_at_its_first_moment() -> None:
    """What is left of it is its own business; the others are not delayed by it."""

    async def wait() -> tuple[list[float], list[float]]:
        first = Alarm(10)
        first.moment += 1000
        await asyncio.sleep(4)
        second = Alarm(10)
        await asyncio.sleep(60)
        return first.rung, second.rung

    assert play(wait()) == ([10], [14])


def test_a_wait_may_be_added_while_another_is_rung() -> None:
    async def wait() -> list[list[float]]:
        alarms: list[Alarm] = []

        class Renewed(Alarm):
            def ring(self) -> None:
                super().ring()
                alarms.append(Alarm(10))

        alarms.append(Renewed(10))
        await asyncio.sleep(60)
        return [alarm.rung for alarm in alarms]

    assert play(wait()) == [[10], [20]]


def test_two_loops_have_timers_of_their_own() -> None:
    async def timer() -> object:
        return shared_timer(asyncio.get_running_loop(), 10)

    assert play(timer()) is not play(timer())


def test_the_timers_of_a_closed_loop_do_not_keep_it() -> None:
    def used() -> weakref.ref[asyncio.AbstractEventLoop]:
        loop = asyncio.new_event_loop()

        async def wait() -> None:
            Alarm(60)

        loop.run_until_complete(wait())
        loop.close()
        return weakref.ref(loop)

    closed = used()
    asyncio.run(asyncio.sleep(0))
    later = used()  # What is closed is let go as soon as another loop has timers.
    gc.collect()
    assert closed() is None
    assert later() is not None
