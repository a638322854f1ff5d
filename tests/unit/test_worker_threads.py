"""Threads for synchronous functions: many, reused, gone when idle, and never in the way of the program's end."""

import asyncio
import contextvars
import gc
import os
import subprocess
import sys
import threading
import weakref

import pytest

from lightagent.aiokits import thread_job
from lightagent.aiokits.thread_job import Pace
from lightagent.aiokits.worker_threads import WorkerThreads, run_in_thread, run_in_thread_at
from tests.support.patience import PATIENCE, Gate, eventually

place = contextvars.ContextVar("place", default="nowhere")


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


async def test_a_generator_exit_does_not_close_what_awaits_the_function() -> None:
    def leave() -> None:
        raise GeneratorExit

    threads = WorkerThreads()
    with pytest.raises(RuntimeError, match="raised GeneratorExit"):
        await threads.run(leave)
    assert await threads.run(int) == 0
    assert (threads.count, threads.abandoned) == (1, 0)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
async def test_not_even_an_exit_ends_the_thread(error: BaseException) -> None:
    def leave() -> None:
        raise error

    threads = WorkerThreads()
    # Awaited by hand: asyncio itself would end the loop for an exit that leaves a task.
    caught: BaseException | None = None
    try:
        await threads.run(leave)
    except (SystemExit, KeyboardInterrupt, asyncio.CancelledError) as exc:
        caught = exc
    assert caught is error
    assert await threads.run(int) == 0
    assert (threads.count, threads.abandoned) == (1, 0)


async def test_threads_are_reused_and_named() -> None:
    threads = WorkerThreads()
    names = {await threads.run(lambda: threading.current_thread().name) for _ in range(50)}
    assert names == {"lightagent-worker-1"}
    assert threads.count == 1


async def test_slow_functions_run_side_by_side_up_to_the_bound() -> None:
    threads = WorkerThreads(most=20)
    together = threading.Barrier(20)  # lets nobody through before twenty are there
    lock, running = threading.Lock(), [0, 0]

    def meet() -> None:
        with lock:
            running[0] += 1
            running[1] = max(running)
        together.wait(PATIENCE)
        with lock:
            running[0] -= 1

    await asyncio.gather(*(threads.run(meet) for _ in range(60)))
    assert running == [0, 20]
    assert threads.count == 20


async def test_a_bound_keeps_the_order() -> None:
    threads = WorkerThreads(most=1)
    seen: list[int] = []
    await asyncio.gather(*(threads.run(seen.append, number) for number in range(100)))
    assert seen == list(range(100))


async def test_idle_threads_end() -> None:
    threads = WorkerThreads(idle=0.05)
    together = threading.Barrier(10)

    def count() -> int:
        together.wait(PATIENCE)
        return threads.count

    assert await asyncio.gather(*(threads.run(count) for _ in range(10))) == [10] * 10
    assert await eventually(lambda: threads.count == 0)
    assert await threads.run(int) == 0


async def test_work_that_comes_when_a_thread_ends_is_not_lost() -> None:
    threads = WorkerThreads(idle=0.002)
    for number in range(300):
        assert await asyncio.wait_for(threads.run(int, number), PATIENCE) == number
        await asyncio.sleep(0.001 + 0.00001 * (number % 200))


async def test_cancelling_abandons_without_waiting() -> None:
    threads, gate = WorkerThreads(most=1), Gate()
    ran: list[str] = []
    running = asyncio.create_task(threads.run(gate))
    assert await eventually(lambda: gate.begun)
    waiting = asyncio.create_task(threads.run(ran.append, "never"))
    await asyncio.sleep(0)
    for task in (waiting, running):
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert gate.ended == 0
    gate.open()
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

    loops = [threading.Thread(target=lambda: asyncio.run(work()), daemon=True) for _ in range(8)]
    for loop in loops:
        loop.start()
    for loop in loops:
        loop.join(PATIENCE)
    assert totals == [sum(range(200))] * 8
    assert threads.count <= 8


def test_a_loop_that_ended_meanwhile_is_no_trouble() -> None:
    threads, gate = WorkerThreads(most=1), Gate()

    async def give_up() -> None:
        task = asyncio.create_task(threads.run(gate))
        assert await eventually(lambda: gate.begun)
        task.cancel()

    async def go_on() -> None:
        assert await eventually(lambda: threads.abandoned == 0)
        assert await threads.run(lambda: "alive") == "alive"

    asyncio.run(give_up())
    gate.open()
    asyncio.run(go_on())
    assert threads.count == 1


async def test_a_system_without_threads_is_an_error_and_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    threads = WorkerThreads(most=2)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        ends = await asyncio.gather(*(threads.run(int) for _ in range(5)), return_exceptions=True)
    assert [str(end) for end in ends] == ["can't start new thread"] * 5
    assert threads.count == 0
    assert await threads.run(int) == 0


def runs(program: str) -> str:
    """What a program prints; a program that does not end by itself is killed, and the test fails."""
    command = [sys.executable, "-W", "ignore", "-c", program]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


HUNG = """
import asyncio, threading
from lightagent.aiokits.sync_bridge import run_sync
from lightagent.aiokits.worker_threads import WorkerThreads

threads, begun = WorkerThreads(most=2), threading.Semaphore(0)

def hang():
    begun.release()
    threading.Event().wait()

def hang_below():
    run_sync(threads.run(hang))

async def main():
    for function in (hang, hang, hang_below):
        task = asyncio.create_task(threads.run(function))
        while not begun.acquire(blocking=False):
            await asyncio.sleep(0.01)
        task.cancel()
    await asyncio.sleep(0)
    print(threads.count, threads.abandoned)

asyncio.run(main())
"""


def test_hung_functions_do_not_keep_the_program_alive() -> None:
    assert runs(HUNG) == "4 4\n"


FORK = """
import asyncio, os
from lightagent.aiokits.worker_threads import run_in_thread
assert asyncio.run(run_in_thread(int)) == 0
child = os.fork()
assert asyncio.run(run_in_thread(lambda: 7)) == 7
if child:
    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""

FORK_IN_A_WORKER = """
import asyncio, os
from lightagent.aiokits.sync_bridge import run_sync
from lightagent.aiokits import worker_threads

def fork():
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert run_sync(worker_threads.run_in_thread(lambda: 7)) == 7
    os._exit(worker_threads.run_in_thread.__self__.count)

assert asyncio.run(worker_threads.run_in_thread(fork)) == 1
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.parametrize("program", [FORK, FORK_IN_A_WORKER])
def test_a_forked_child_has_threads_of_its_own(program: str) -> None:
    assert runs(program) == ""


async def test_a_function_that_was_quick_is_waited_for_without_a_turn_of_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(thread_job, "PATIENCE", PATIENCE)
    pace = Pace()
    await run_in_thread_at(pace, int)
    assert pace.is_quick
    call = run_in_thread_at(pace, threading.get_ident)
    with pytest.raises(StopIteration) as ended:  # It never waits, so the first step is the last.
        call.send(None)
    assert ended.value.value != threading.get_ident()
    with pytest.raises(ZeroDivisionError):
        run_in_thread_at(pace, lambda: 1 // 0).send(None)


async def test_a_function_that_was_quick_and_is_slow_now_holds_nobody_up() -> None:
    pace, gate = Pace(), threading.Event()
    pace.is_quick = True
    slow = asyncio.create_task(run_in_thread_at(pace, gate.wait, PATIENCE))
    await asyncio.sleep(0)
    await asyncio.sleep(0)  # The loop goes on while the function waits.
    assert not slow.done()
    gate.set()
    assert await slow
    assert not pace.is_quick


async def test_a_slow_function_that_was_quick_can_be_given_up() -> None:
    pace, gate, threads = Pace(), threading.Event(), WorkerThreads()
    pace.is_quick = True
    slow = asyncio.create_task(threads.run_at(pace, gate.wait, PATIENCE))
    await asyncio.sleep(0)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert threads.abandoned == 1
    gate.set()
    assert await eventually(lambda: threads.abandoned == 0)
