"""Threads for synchronous tools: many, reused, gone when idle, and never in the way of the program's end."""

import asyncio
import contextvars
import gc
import os
import subprocess
import sys
import threading
import time
import weakref

import pytest

from lightagent.aiokits.worker_threads import WorkerThreads, run_in_thread

place = contextvars.ContextVar("place", default="nowhere")


async def eventually(condition: object, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while callable(condition) and not condition():
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.01)
    return True


async def test_a_result_an_error_and_the_context_come_through() -> None:
    place.set("here")

    def take(x: int, *, y: int) -> tuple[int, int, str]:
        return x, y, place.get()

    assert await run_in_thread(take, 1, y=2) == (1, 2, "here")
    with pytest.raises(ZeroDivisionError):
        await run_in_thread(lambda: 1 // 0)
    with pytest.raises(RuntimeError, match="the function raised StopIteration"):
        await run_in_thread(next, iter(()))


async def test_what_a_function_sets_stays_with_it() -> None:
    await run_in_thread(place.set, "there")
    assert place.get() == "nowhere"


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
async def test_not_even_an_exit_ends_the_thread(error: BaseException) -> None:
    def leave() -> None:
        raise error

    threads = WorkerThreads()
    # Awaited by hand: asyncio itself would end the loop for an exit that leaves a task.
    caught: BaseException | None = None
    try:
        await threads.run(leave)
    except (SystemExit, KeyboardInterrupt, GeneratorExit) as exc:
        caught = exc
    assert caught is error
    assert await threads.run(int) == 0
    assert threads.count == 1


async def test_threads_are_reused_and_named() -> None:
    threads = WorkerThreads()
    names = {await threads.run(lambda: threading.current_thread().name) for _ in range(50)}
    assert names == {"lightagent-worker-1"}
    assert threads.count == 1


async def test_slow_functions_run_side_by_side_up_to_the_bound() -> None:
    threads = WorkerThreads(most=20)
    began = time.monotonic()
    await asyncio.gather(*(threads.run(time.sleep, 0.1) for _ in range(40)))
    assert 0.2 <= time.monotonic() - began < 1.5
    assert threads.count == 20


async def test_a_bound_keeps_the_order() -> None:
    threads = WorkerThreads(most=1)
    seen: list[int] = []
    await asyncio.gather(*(threads.run(seen.append, number) for number in range(100)))
    assert seen == list(range(100))


async def test_idle_threads_end() -> None:
    threads = WorkerThreads(idle=0.3)
    await asyncio.gather(*(threads.run(time.sleep, 0.02) for _ in range(10)))
    assert 1 < threads.count <= 10
    assert await eventually(lambda: threads.count == 0)
    assert await threads.run(int) == 0


async def test_work_that_comes_when_a_thread_ends_is_not_lost() -> None:
    threads = WorkerThreads(idle=0.002)
    for number in range(300):
        assert await asyncio.wait_for(threads.run(int, number), 5) == number
        await asyncio.sleep(0.001 + 0.00001 * (number % 200))


async def test_cancelling_abandons_without_waiting() -> None:
    threads = WorkerThreads(most=1)
    release = threading.Event()
    ran: list[str] = []
    running = asyncio.create_task(threads.run(release.wait, 10))
    await asyncio.sleep(0.05)
    waiting = asyncio.create_task(threads.run(ran.append, "never"))
    await asyncio.sleep(0)
    began = time.monotonic()
    for task in (running, waiting):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert time.monotonic() - began < 0.2
    release.set()
    assert await threads.run(lambda: "next") == "next"
    assert ran == []


async def test_a_finished_call_is_not_kept_alive() -> None:
    class Big:
        pass

    threads = WorkerThreads()
    big = Big()
    gone = weakref.ref(big)
    await threads.run(id, big)
    del big
    gc.collect()
    assert await eventually(lambda: gone() is None)


def test_many_loops_share_the_threads() -> None:
    threads = WorkerThreads(most=8)
    totals: list[int] = []

    async def work() -> None:
        totals.append(sum(await asyncio.gather(*(threads.run(int, number) for number in range(200)))))

    loops = [threading.Thread(target=lambda: asyncio.run(work())) for _ in range(8)]
    for loop in loops:
        loop.start()
    for loop in loops:
        loop.join(20)
    assert totals == [sum(range(200))] * 8
    assert threads.count <= 8


def test_a_loop_that_ended_meanwhile_is_no_trouble() -> None:
    threads = WorkerThreads(most=1)
    release = threading.Event()

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(threads.run(release.wait, 10), 0.05)

    asyncio.run(give_up())
    release.set()
    assert asyncio.run(threads.run(lambda: "alive")) == "alive"


HUNG = """
import asyncio, time
from lightagent.aiokits.worker_threads import run_in_thread
async def main():
    try:
        await asyncio.wait_for(run_in_thread(time.sleep, 60), 0.1)
    except TimeoutError:
        print("gave up")
asyncio.run(main())
"""


def test_a_hung_function_does_not_keep_the_program_alive() -> None:
    began = time.monotonic()
    ended = subprocess.run([sys.executable, "-c", HUNG], capture_output=True, text=True, timeout=30, check=True)
    assert ended.stdout == "gave up\n"
    assert ended.stderr == ""
    assert time.monotonic() - began < 15


FORK = """
import asyncio, os
from lightagent.aiokits.worker_threads import run_in_thread
assert asyncio.run(run_in_thread(int)) == 0
child = os.fork()
assert asyncio.run(run_in_thread(lambda: 7)) == 7
if child:
    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_has_threads_of_its_own() -> None:
    subprocess.run([sys.executable, "-W", "ignore", "-c", FORK], timeout=30, check=True)
