"""Workers that are killed, restarted and cut off from their store while they go on with runs: no run stays behind."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote
from uuid import uuid4

import pytest

from lightagent.domain.errors import StoreError
from tests.servers.postgres import PostgresServer
from tests.support.flow_kills.scene import Effects
from tests.support.flow_workers import STEPS, make_flow, open_store
from tests.support.postgres_stores import Place

ROOT = Path(__file__).parents[2]
RUNS = 4
KILLS = int(os.environ.get("TEST_FLOW_KILLS", "1")) * 4
"""Of workers, of each store."""

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal"),
    pytest.mark.timeout(3600),
]


class Program:
    """The process that forks those of all tests."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.support.flow_workers"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def tell(self, *order: object) -> int:
        """What it answers."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{json.dumps(order)}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())


@pytest.fixture(scope="module")
def program() -> Generator[Program]:
    started = Program()
    yield started
    started.process.communicate()


class Crowd:
    """The processes of one test."""

    def __init__(self, program: Program, kind: str, options: dict[str, str], folder: Path) -> None:
        self.program, self.kind, self.options, self.folder = program, kind, options, folder
        self.effects = Effects(folder)
        self.living = list[int]()

    def start(self, do: str = "work") -> int:
        """A new process; its id."""
        pid = self.program.tell(self.kind, self.options, str(self.folder), do)
        self.living.append(pid)
        return pid

    def end(self, pid: int, number: int) -> int:
        """End a process by a signal; the status with which it ended."""
        self.living.remove(pid)
        os.kill(pid, number)
        return self.program.tell(pid)

    def begin_and_kill(self, run_id: str) -> None:
        """A run whose process is killed once it has begun."""
        before = len(self.effects.calls())
        pid = self.start(f"begin {run_id}")
        while len(self.effects.calls()) == before:
            time.sleep(0.005)
        self.end(pid, signal.SIGKILL)

    def statuses(self) -> list[object]:
        """Of all runs."""

        async def read() -> list[object]:
            store = open_store(self.kind, self.options)
            try:
                return [run["status"] for run in await make_flow(store, self.effects).alist_runs()]
            finally:
                await store.aclose()

        while True:
            try:
                return asyncio.run(read())
            except StoreError:
                assert self.kind == "postgres"  # It is being restarted.

    def wait_for_all(self) -> None:
        """Wait until every run has succeeded."""
        while self.statuses() != ["success"] * RUNS:
            time.sleep(0.05)

    def check(self, kills: int) -> None:
        """Each step of each run had its effect once, and was begun again only where a process was killed or cut off."""
        assert {unquote(key) for key in self.effects.done()} == {
            f"r{run}/{step}@1" for run in range(RUNS) for step in STEPS
        }
        calls = Counter(self.effects.calls())
        assert sum(times - 1 for times in calls.values()) <= kills * RUNS


@contextmanager
def crowd_of(program: Program, kind: str, options: dict[str, str], folder: Path) -> Generator[Crowd]:
    crowd = Crowd(program, kind, options, folder)
    try:
        yield crowd
    finally:
        for pid in [*crowd.living]:
            crowd.end(pid, signal.SIGKILL)


def options_of(kind: str, folder: Path, request: pytest.FixtureRequest) -> dict[str, str]:
    if kind == "postgres":
        postgres: PostgresServer = request.getfixturevalue("postgres")
        return {"url": postgres.url, "schema_name": f"workers_{uuid4().hex}"}
    return {"path": str(folder / "db")} if kind == "sqlite" else {"directory": str(folder / "runs")}


@pytest.mark.parametrize("kind", ["files", "sqlite", "postgres"])
def test_workers_that_are_killed_as_they_recover_leave_no_run_behind(
    program: Program, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    chance = random.Random(11)
    with crowd_of(program, kind, options_of(kind, tmp_path, request), tmp_path) as crowd:
        for run in range(RUNS):
            crowd.begin_and_kill(f"r{run}")
        for _ in range(KILLS):
            pids = [crowd.start() for _ in range(2)]
            time.sleep(chance.uniform(0.05, 0.5))
            for pid in pids:
                assert crowd.end(pid, signal.SIGKILL) == signal.SIGKILL
        crowd.start()
        crowd.wait_for_all()
        crowd.check(RUNS + 2 * KILLS)


@pytest.mark.parametrize("kind", ["files", "postgres"])
def test_a_rolling_restart_interrupts_no_run(
    program: Program, kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with crowd_of(program, kind, options_of(kind, tmp_path, request), tmp_path) as crowd:
        for run in range(RUNS):
            crowd.begin_and_kill(f"r{run}")
        # None of these dies with a lease, and none loses it since the machine is busy.
        old = crowd.start("work patiently")
        for _ in range(KILLS):
            new = crowd.start("work patiently")
            time.sleep(0.1)
            assert crowd.end(old, signal.SIGTERM) == 0
            old = new
        crowd.wait_for_all()
        # Only what the first process of each run had begun was begun again.
        assert sum(times - 1 for times in Counter(crowd.effects.calls()).values()) <= RUNS
        crowd.check(RUNS)
        assert crowd.end(old, signal.SIGTERM) == 0


def test_a_server_that_is_restarted_as_workers_recover_leaves_no_run_behind(
    program: Program, tmp_path: Path, postgres: PostgresServer
) -> None:
    place = Place(postgres)
    with crowd_of(program, "postgres", {"url": postgres.url, "schema_name": place.schema_name}, tmp_path) as crowd:
        for run in range(RUNS):
            crowd.begin_and_kill(f"r{run}")
        for _ in range(2):
            crowd.start()
        for _ in range(max(2, KILLS // 2)):
            time.sleep(0.2)
            place.kill("checkpointer")  # The server ends all its processes, and recovers from its log.
        crowd.wait_for_all()
        crowd.check(RUNS + KILLS)
        for pid in [*crowd.living]:
            assert crowd.end(pid, signal.SIGTERM) == 0
