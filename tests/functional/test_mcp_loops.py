"""Connections to MCP servers and the tasks, threads and event loops that use, cancel, close and forget them."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lightagent.domain.mcp.faults import McpFault
from tests.servers.leaks import LeakCheck
from tests.servers.polling import ticks
from tests.support.mcp_servers import ROOT, Watched, stdio_server

PROGRAM_SECONDS = 60.0


async def test_two_are_closed_first_in_first_out_in_one_task(leaks: LeakCheck) -> None:
    first, second = Watched(stdio_server()), Watched(stdio_server())
    assert await first.text("echo", "1") == "1"
    assert await second.text("echo", "2") == "2"
    await first.connection.aclose()
    assert await second.text("echo", "2") == "2"
    await second.connection.aclose()


async def test_it_is_closed_from_another_task_and_from_another_thread(leaks: LeakCheck) -> None:
    for close in (_in_a_task, _in_a_thread):
        watched = Watched(stdio_server())
        cancelled = asyncio.create_task(watched.text("hang"))
        assert await watched.text("echo", "1") == "1"
        cancelled.cancel()
        await asyncio.wait([cancelled])
        await close(watched)
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()
        assert await watched.text("echo", "2") == "2"  # A later call opens it again.
        await watched.connection.aclose()


async def _in_a_task(watched: Watched) -> None:
    await asyncio.create_task(watched.connection.aclose())


async def _in_a_thread(watched: Watched) -> None:
    await asyncio.to_thread(lambda: asyncio.run(watched.connection.aclose()))


def test_threads_with_loops_of_their_own_share_one_session(leaks: LeakCheck) -> None:
    watched = Watched(stdio_server())
    together = threading.Barrier(4)

    def calls(number: int) -> list[str]:
        async def work() -> list[str]:
            texts = [await watched.text("echo", f"{number}")]
            await asyncio.to_thread(together.wait)  # All loops are there, so that none may be the home of all.
            return texts + [await watched.text("echo", f"{number} {again}") for again in range(10)]

        return asyncio.run(work())

    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(calls, range(4)))
    assert found == [[f"{number}", *(f"{number} {again}" for again in range(10))] for number in range(4)]
    assert 1 <= len(watched.told("opened")) <= 2, "the session of the first loop, and one for all"
    asyncio.run(watched.connection.aclose())


def test_one_loop_after_another_needs_no_thread(leaks: LeakCheck) -> None:
    watched = Watched(stdio_server())
    before = threading.active_count()
    for _ in range(2):
        assert asyncio.run(watched.text("echo", "hello")) == "hello"
        assert threading.active_count() == before
    assert len(watched.told("opened")) == 2


def test_a_cancelled_caller_in_another_loop_cancels_its_own_call_alone(leaks: LeakCheck) -> None:
    watched = Watched(stdio_server())

    async def elsewhere() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(watched.text("hang"), 0.2)
        assert await watched.text("echo", "there") == "there"

    async def here() -> None:
        assert await watched.text("echo", "here") == "here"
        slow = asyncio.create_task(watched.text("slow", number=0.5))
        await asyncio.to_thread(lambda: asyncio.run(elsewhere()))
        assert await slow == "slept", "the session that moves answers its last calls"
        assert await watched.text("echo", "here") == "here"
        await watched.connection.aclose()

    asyncio.run(here())


async def test_a_forgotten_connection_is_closed(leaks: LeakCheck) -> None:
    watched = Watched(stdio_server())
    process = int(await watched.text("pid"))
    del watched
    gc.collect()
    for pause in ticks(10.0):
        if not is_running(process):
            return
        await asyncio.sleep(pause)
    raise AssertionError("the server goes on")


def is_running(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


@pytest.mark.parametrize("end", ["", "sys.exit(3)", "asyncio.run(watched.text('echo', 'again'))"])
def test_a_connection_left_open_hangs_no_program(end: str) -> None:
    program = (
        "import asyncio, sys\n"
        "from tests.support.mcp_servers import Watched, stdio_server\n"
        "watched = Watched(stdio_server())\n"
        "print(asyncio.run(watched.text('pid')))\n"
        f"{end}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PROGRAM_SECONDS,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == (3 if "exit" in end else 0)
    assert not Path(f"/proc/{int(done.stdout)}").exists()


def test_a_call_that_is_lost_with_its_loop_is_told(leaks: LeakCheck) -> None:
    watched = Watched(stdio_server())

    async def left() -> None:
        task = asyncio.create_task(watched.text("hang"))
        await asyncio.sleep(0)
        del task

    asyncio.run(left())

    async def after() -> str:
        try:
            return await watched.text("echo", "after")
        except McpFault as fault:
            return fault.message
        finally:
            await watched.connection.aclose()

    assert asyncio.run(after()) == "after"
