"""Which threads count: calls that make calls never wait for each other, and too many hung ones are an error."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightagent.aiokits.sync_bridge import iterate_sync, run_sync
from lightagent.aiokits.thread_places import Call, Places
from lightagent.aiokits.worker_threads import NoThreadLeft, WorkerThreads
from tests.support.patience import PATIENCE, Gate, eventually

Enter = Callable[[Awaitable[str]], str]


async def wait_for(work: Awaitable[str]) -> str:
    return await asyncio.wait_for(work, PATIENCE)


def by_the_bridge(work: Awaitable[str]) -> str:
    return run_sync(wait_for(work))


def by_a_stream(work: Awaitable[str]) -> str:
    async def stream() -> AsyncGenerator[str, None]:
        yield await wait_for(work)

    return "".join(iterate_sync(stream()))


def by_a_loop_of_its_own(work: Awaitable[str]) -> str:
    return asyncio.run(wait_for(work))


WAYS = pytest.mark.parametrize("enter", [by_the_bridge, by_a_stream, by_a_loop_of_its_own])


async def hang(threads: WorkerThreads, function: Callable[[], object], gate: Gate) -> None:
    """Call `function`, and give the call up as soon as it, or what it calls, stands before the gate."""
    begun = gate.begun
    task = asyncio.create_task(threads.run(function))
    assert await eventually(lambda: gate.begun == begun + 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@WAYS
async def test_calls_that_hold_every_thread_can_make_calls(enter: Enter) -> None:
    threads = WorkerThreads(most=2)
    together = threading.Barrier(2)

    def outer() -> str:
        together.wait(PATIENCE)  # from here on both threads are taken
        return enter(threads.run(lambda: "inner"))

    assert await asyncio.gather(*(threads.run(outer) for _ in range(2))) == ["inner", "inner"]
    assert await eventually(lambda: threads.count <= 2)


@WAYS
async def test_calls_nest_to_any_depth(enter: Enter) -> None:
    threads = WorkerThreads(most=1)

    def down(depth: int) -> str:
        return f"{depth} " + (enter(threads.run(down, depth - 1)) if depth else "bottom")

    ends = await asyncio.gather(*(threads.run(down, 7) for _ in range(5)))
    assert ends == ["7 6 5 4 3 2 1 0 bottom"] * 5
    assert await eventually(lambda: threads.count == 1)


async def test_no_more_than_allowed_are_at_work_when_calls_nest() -> None:
    threads = WorkerThreads(most=2)
    lock, working = threading.Lock(), [0, 0]

    def leaf() -> str:
        with lock:
            working[0] += 1
            working[1] = max(working)
        threading.Event().wait(0.001)
        with lock:
            working[0] -= 1
        return "leaf"

    def outer() -> str:
        return by_the_bridge(threads.run(leaf))

    assert await asyncio.gather(*(threads.run(outer) for _ in range(40))) == ["leaf"] * 40
    assert working == [0, 2]
    assert await eventually(lambda: threads.count <= 2)


async def test_hung_calls_are_replaced_and_then_refused() -> None:
    threads, gate = WorkerThreads(most=2), Gate()
    for hung in range(4):
        assert await threads.run(lambda: "still served") == "still served"
        await hang(threads, gate, gate)
        assert threads.abandoned == hung + 1
    for _ in range(3):
        with pytest.raises(NoThreadLeft, match="4 hung calls occupy every worker thread"):
            await threads.run(int)
    assert (threads.count, threads.abandoned) == (4, 4)
    gate.open()
    assert await eventually(lambda: threads.abandoned == 0)
    assert await threads.run(lambda: "served again") == "served again"
    assert await eventually(lambda: threads.count == 2)


async def test_a_call_that_waits_is_refused_when_the_last_thread_hangs() -> None:
    threads, gate = WorkerThreads(most=1), Gate()
    await hang(threads, gate, gate)
    last = asyncio.create_task(threads.run(gate))
    assert await eventually(lambda: gate.begun == 2)
    waiting = asyncio.gather(*(threads.run(int) for _ in range(3)), return_exceptions=True)
    await asyncio.sleep(0)
    last.cancel()
    assert {type(end) for end in await asyncio.wait_for(waiting, PATIENCE)} == {NoThreadLeft}
    gate.open()


async def test_behind_a_call_that_is_awaited_others_wait() -> None:
    threads, hung, slow = WorkerThreads(most=1), Gate(), Gate()
    await hang(threads, hung, hung)
    running = asyncio.create_task(threads.run(slow))
    assert await eventually(lambda: slow.begun)
    waiting = asyncio.create_task(threads.run(lambda: "in its turn"))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    slow.open()
    assert [await running, await waiting] == ["let go", "in its turn"]
    hung.open()


@WAYS
async def test_what_an_abandoned_call_called_is_abandoned_as_well(enter: Enter) -> None:
    threads, gate = WorkerThreads(most=2), Gate()

    def below() -> str:
        return enter(threads.run(gate))

    for hung in (2, 4):
        await hang(threads, below, gate)
        assert threads.abandoned == hung
    with pytest.raises(NoThreadLeft):
        await threads.run(int)
    gate.open()
    assert await eventually(lambda: threads.abandoned == 0)
    assert await threads.run(int) == 0


async def test_what_an_abandoned_call_calls_later_is_abandoned_from_the_start() -> None:
    threads, first, second = WorkerThreads(most=2), Gate(), Gate()

    def later() -> None:
        first()
        by_the_bridge(threads.run(second))

    await hang(threads, later, first)
    first.open()
    assert await eventually(lambda: second.begun)
    assert threads.abandoned == 2
    second.open()
    assert await eventually(lambda: threads.abandoned == 0)


async def test_a_call_that_needs_a_call_is_refused_rather_than_hang() -> None:
    """Others wait for threads, or for calls that will end; this one could only wait for itself."""
    threads, gate, go_on = WorkerThreads(most=1), Gate(), threading.Event()
    waits = threading.Event()

    async def until_told() -> str:
        waits.set()
        return "told" if await eventually(go_on.is_set) else ""

    def outer() -> str:
        return run_sync(until_told()) + by_the_bridge(threads.run(lambda: "inner"))

    awaited = asyncio.create_task(threads.run(outer))
    assert await eventually(waits.is_set)
    for _ in range(2):
        await hang(threads, gate, gate)
    go_on.set()
    with pytest.raises(NoThreadLeft):
        await asyncio.wait_for(awaited, PATIENCE)
    gate.open()


STEPS = st.sampled_from(["begin", "nest", "end", "wait", "go on", "abandon"])


@given(st.lists(st.tuples(STEPS, st.integers(0, 5))), st.integers(1, 3))
def test_places_count_what_is_there(steps: list[tuple[str, int]], most: int) -> None:
    """After any steps the figures are those of counting the calls anew."""
    places, calls = Places(most), [Call()]
    places.threads = 1
    places.begin(calls[0])
    for step, number in steps:
        call = calls[number % len(calls)]
        if step in ("begin", "nest"):
            calls.append(Call(call if step == "nest" else None))
            places.threads += 1
            places.begin(calls[-1])
        elif step == "end" and len(calls) > 1:
            assert places.end(call)
            assert not places.end(call)
            places.threads -= 1
            calls.remove(call)
        elif step == "abandon":
            places.abandon(call)
        elif step != "end":
            places.wait(call, 1 if step == "wait" else -min(call.waits, 1))
    at_work = sum(not call.abandoned and call.waits == 0 for call in calls)
    abandoned = sum(call.abandoned for call in calls)
    assert places.abandoned == abandoned
    assert places.has_room is (at_work < most and at_work + abandoned < 2 * most)
    assert places.is_crowded is (at_work > most or at_work + abandoned > 2 * most)
    assert places.is_stuck is (at_work == 0 and not places.has_room)
