"""What a durable store of memories has acknowledged survives the death of its writer, and processes share it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from lightagent.adapters.memory.sqlite import SqliteMemory
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.ports.memory import OwnerSelection
from lightagent.testing.contracts.memory_store.base import read_all
from tests.support.memory_writer import records_of

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("TEST_KILLS", "0")) * 2 or 3

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")


def start(path: Path, name: str, count: int) -> subprocess.Popen[str]:
    options = json.dumps({"path": str(path)})
    command = [sys.executable, "-m", "tests.support.memory_writer", "sqlite", options, name, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def kill_after(process: subprocess.Popen[str], lines: int) -> list[str]:
    """What the program printed, once it was killed after so many lines."""
    assert process.stdout is not None
    with process:
        said = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
    return [line.strip() for line in said if line.endswith("\n")]


def read(path: Path, name: str) -> Sequence[MemoryRecord]:
    """All of one writer; the index must find each of them, and nothing else."""

    async def story() -> Sequence[MemoryRecord]:
        store = SqliteMemory(path)
        records = await read_all(store, OwnerSelection(user=name))
        owner = MemoryOwner("tests", "acme", name)
        found = await store.recall(owner, "call part", len(records) + 10, RecallFilter(2.0))
        assert {one.fields["memory_id"] for one in found} == {record.memory_id for record in records}
        await store.aclose()
        return records

    found = asyncio.run(story())
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.execute("INSERT INTO found_by (found_by) VALUES ('integrity-check')")
    return found


@pytest.mark.timeout(1800)
def test_no_kill_loses_what_was_acknowledged(tmp_path: Path) -> None:
    chance = random.Random(7)
    for turn in range(KILLS):
        path, name = tmp_path / "memory.db", f"n{turn}"
        said = kill_after(start(path, name, 1_000_000), chance.randrange(1, 60))
        wrote = {int(line.split()[1]) for line in said if line.startswith("wrote")}
        forgot = {int(line.split()[1]) for line in said if line.startswith("forgot")}
        records = read(path, name)
        found = {int(re.split("/", record.memory_id)[0]) for record in records}
        # The call that was under way may have come through, or not.
        assert found >= wrote - forgot - {max(wrote, default=0) - 8}
        assert not found & forgot
        assert len(found - wrote) <= 1
        for number in found:
            assert [record for record in records if record.memory_id.startswith(f"{number}/")] == records_of(
                name, number
            )


@pytest.mark.timeout(120)
def test_processes_write_side_by_side_and_nothing_is_lost(tmp_path: Path) -> None:
    path, count = tmp_path / "memory.db", 30
    writers = {name: start(path, name, count) for name in ("left", "right")}
    for writer in writers.values():
        said, _ = writer.communicate(timeout=60)
        assert writer.returncode == 0
        assert said.count("wrote") == count
    for name in writers:
        found = {int(record.memory_id.split("/")[0]) for record in read(path, name)}
        assert found == set(range(count)) - {0, 10, 20}
