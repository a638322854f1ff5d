"""No process is left behind when the session, the server, the connection or the program ends."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lightagent.domain.mcp.faults import McpLost, McpUnavailable
from tests.servers.leaks import LeakCheck
from tests.servers.polling import ticks
from tests.support.mcp_servers import ROOT, Watched, stdio_server

KILLS = int(os.environ.get("TEST_MCP_KILLS", "3"))
WITHIN = 0.04
"""Seconds after the start of a server within which the program is killed."""


@pytest.fixture
def helper(tmp_path: Path) -> Path:
    """Where a server writes its process id and that of the helper it started."""
    return tmp_path / "helper"


async def test_a_close_ends_a_server_that_stays_and_its_helper(leaks: LeakCheck, helper: Path) -> None:
    watched = Watched(stdio_server("--stay", "--helper", str(helper)))
    await watched.connection.tools()
    await watched.connection.aclose()
    await gone(helper)


async def test_a_server_that_ends_by_itself_leaves_no_helper(leaks: LeakCheck, helper: Path) -> None:
    watched = Watched(stdio_server("--helper", str(helper)))
    with pytest.raises(McpLost):
        await watched.text("die")
    await gone(helper)
    await watched.connection.aclose()


async def test_a_server_that_could_not_be_opened_leaves_nothing(leaks: LeakCheck, helper: Path) -> None:
    watched = Watched(stdio_server("--hang", "--stay", "--helper", str(helper), open_timeout=1.0))
    with pytest.raises(McpUnavailable):
        await watched.connection.tools()
    await gone(helper)
    await watched.connection.aclose()


PROGRAM = """
import asyncio, sys
from tests.support.mcp_servers import Watched, stdio_server
from lightagent.adapters.mcp.sdk import process
started = process.GuardedProcess.__init__
def start(self, server):
    print("spawning", flush=True)
    started(self, server)
process.GuardedProcess.__init__ = start
async def main():
    watched = Watched(stdio_server(*sys.argv[1:]))
    await watched.connection.tools()
    print("open", flush=True)
    await asyncio.sleep(600)
asyncio.run(main())
"""


def test_a_program_that_is_killed_leaves_nothing(helper: Path) -> None:
    with started(helper) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"spawning\n"
        assert program.stdout.readline() == b"open\n"
        program.kill()
    asyncio.run(gone(helper))


@pytest.mark.parametrize("turn", range(KILLS))
def test_a_program_that_is_killed_while_it_starts_a_server_leaves_nothing(helper: Path, turn: int) -> None:
    with started(helper, "--hang") as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"spawning\n"
        time.sleep(random.Random(turn).uniform(0, WITHIN))
        program.kill()
    marked = str(helper)
    for pause in ticks(10.0):
        if not any(marked in line for line in command_lines()):
            return
        time.sleep(pause)
    raise AssertionError("a server goes on")


def started(helper: Path, *options: str) -> subprocess.Popen[bytes]:
    """A program that opens a server that starts a helper."""
    command = [sys.executable, "-c", PROGRAM, "--stay", "--helper", str(helper), *options]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=environment)


def command_lines() -> list[str]:
    """Those of all processes but this one."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
            except OSError:
                continue  # It has ended meanwhile.
    return found


def left(helper: Path) -> list[int]:
    """Which of the server and its helper still run."""
    return [process for process in map(int, helper.read_text().split()) if is_running(process)]


def is_running(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def has_ended(helper: Path) -> bool:
    return helper.exists() and not left(helper)


async def gone(helper: Path) -> None:
    """Wait until neither runs."""
    for pause in ticks(10.0):
        if has_ended(helper):
            return
        await asyncio.sleep(pause)
    for process in left(helper):
        os.kill(process, signal.SIGKILL)
    raise AssertionError("something goes on")
