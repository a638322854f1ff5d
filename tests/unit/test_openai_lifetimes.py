"""Clients that end with their loop or their owner, and the watchdog that ends waits."""

import asyncio
import gc
import threading
from collections.abc import Awaitable, Callable

import pytest

from lightagent.adapters.chat.openai.exchange import TimeLimits, Watchdog
from lightagent.aiokits.per_loop import PerLoop
from lightagent.domain.errors import ProviderError
from tests.support.loop_clock import play_timed


class Client:
    def __init__(self) -> None:
        self.closed = 0

    async def close(self) -> None:
        for _ in range(10):  # as the SDK does, it takes its time
            await asyncio.sleep(0)
        self.closed += 1


def pool() -> PerLoop[Client]:
    return PerLoop(Client, Client.close)


def test_a_loop_has_one_client_and_closes_it_at_its_end() -> None:
    clients = pool()

    async def twice() -> Client:
        first, second = await asyncio.gather(clients.get(), clients.get())
        assert first is second
        return first

    one, other = asyncio.run(twice()), asyncio.run(twice())
    assert one is not other
    assert (one.closed, other.closed) == (1, 1)
    assert not clients._kept


async def test_aclose_closes_once_and_the_next_get_makes_another() -> None:
    clients = pool()
    await clients.aclose()
    first = await clients.get()
    await asyncio.gather(clients.aclose(), clients.aclose())
    second = await clients.get()
    assert first is not second
    assert (first.closed, second.closed) == (1, 0)
    await clients.aclose()
    assert (first.closed, second.closed) == (1, 1)


async def test_a_forgotten_owner_closes_its_client() -> None:
    clients = pool()
    client = await clients.get()
    del clients
    for _ in range(20):
        await asyncio.sleep(0)
    assert client.closed == 1


def test_an_owner_forgotten_at_the_end_of_its_loop_closes_its_client() -> None:
    async def only_here() -> Client:
        clients = pool()
        return await clients.get()

    assert asyncio.run(only_here()).closed == 1


def test_a_loop_that_died_without_closing_anything() -> None:
    clients = pool()
    loop = asyncio.new_event_loop()
    client = loop.run_until_complete(clients.get())
    loop.close()
    assert client.closed == 0

    async def elsewhere() -> None:
        await clients.get()

    asyncio.run(elsewhere())
    assert client.closed == 1
    forgotten = pool()
    loop = asyncio.new_event_loop()
    loop.run_until_complete(forgotten.get())
    loop.close()
    del forgotten
    gc.collect()


def test_nothing_is_kept_of_loops_that_are_gone() -> None:
    clients = pool()
    asyncio.run(touch(clients))
    gc.collect()
    before = len(gc.get_objects())
    for _ in range(50):
        asyncio.run(touch(clients))
    gc.collect()
    assert len(gc.get_objects()) - before < 500


async def touch(clients: PerLoop[Client]) -> None:
    await clients.get()


def test_loops_of_several_threads_have_their_own() -> None:
    clients, seen = pool(), []

    async def in_thread() -> None:
        seen.append(await clients.get())

    threads = [threading.Thread(target=lambda: asyncio.run(in_thread())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, seen))) == 8
    assert [client.closed for client in seen] == [1] * 8


Watched = Callable[[Watchdog], Awaitable[None]]


def seconds_of(watched: Watched) -> float:
    """How long it takes on a clock that jumps over all waiting, under a watchdog of 3 s in all and 1 s of silence."""

    async def watch() -> None:
        watchdog = Watchdog(TimeLimits(total=3, idle=1))
        try:
            await watched(watchdog)
        finally:
            watchdog.stop()

    return play_timed(watch())[1]


def test_an_idle_stream_is_ended() -> None:
    async def silence(patient: Watchdog) -> None:
        with pytest.raises(ProviderError, match=r"nothing for 1 s"):
            await patient.wait(asyncio.sleep(50))

    assert seconds_of(silence) == 1


def test_time_between_waits_does_not_count_as_idle() -> None:
    async def busy_elsewhere(patient: Watchdog) -> None:
        await asyncio.sleep(1.5)
        assert await patient.wait(asyncio.sleep(0.5, "x")) == "x"

    assert seconds_of(busy_elsewhere) == 2


def test_a_long_attempt_is_ended() -> None:
    async def wait_often(patient: Watchdog) -> None:
        for _ in range(20):
            await patient.wait(asyncio.sleep(0.5))

    async def whole(patient: Watchdog) -> None:
        with pytest.raises(ProviderError, match=r"within 3 s"):
            await wait_often(patient)
        with pytest.raises(ProviderError, match=r"within 3 s"):
            await patient.wait(asyncio.sleep(0))

    assert seconds_of(whole) == 3


def test_a_cancellation_from_outside_is_not_a_timeout() -> None:
    async def cancelled(patient: Watchdog) -> None:
        task = asyncio.create_task(patient.wait(asyncio.sleep(50)))
        await asyncio.sleep(0.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert seconds_of(cancelled) == 0.5


def test_a_task_cancelled_at_the_time_limit_stays_cancelled() -> None:
    async def both(patient: Watchdog) -> None:
        task = asyncio.create_task(patient.wait(asyncio.sleep(50)))
        asyncio.get_running_loop().call_later(1, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()

    assert seconds_of(both) == 1


def test_a_fault_leaves_no_cancellation_behind() -> None:
    async def silence(patient: Watchdog) -> None:
        with pytest.raises(ProviderError):
            await patient.wait(asyncio.sleep(50))
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        await asyncio.sleep(0)

    assert seconds_of(silence) == 1
