"""What a store of memories has acknowledged survives the death of its writer, and nothing is half there."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from lightagent.adapters.registry import open_adapter
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import MemoryRecord
from lightagent.ports.memory import MemoryStore, OwnerSelection
from tests.servers.postgres import PostgresServer
from tests.support.killed_memory import OWNER, record_of
from tests.support.quick_folders import quick_folder

ROOT = Path(__file__).parents[2]
KILLS = int(os.environ.get("TEST_KILLS", "0")) or 2

EMBEDDER = {"kind": "hashing", "dimension": 32}
KINDS: dict[str, tuple[str, dict[str, object], tuple[str, ...]]] = {
    "folder": ("qdrant", {"embedder": EMBEDDER}, ("lightagent.adapters.memory.qdrant.local",)),
    "edge": ("qdrant", {"embedder": EMBEDDER, "engine": "edge"}, ("lightagent.adapters.memory.qdrant.edge",)),
    "postgres": (
        "postgres",
        {"embedder": EMBEDDER, "schema_name": "killed"},
        ("lightagent.adapters._postgres.database", "lightagent.adapters.memory.postgres.writing"),
    ),
}


def open_memory(kind: str, options: Mapping[str, object]) -> MemoryStore:
    store = open_adapter("memory", kind, options)
    assert isinstance(store, MemoryStore)
    return store


async def look(kind: str, options: Mapping[str, object], acknowledged: set[int]) -> list[MemoryRecord]:
    """All that is there; each acknowledged memory is, and is found, and each one is as it was written."""
    store = open_memory(kind, options)
    try:
        found: list[MemoryRecord] = []
        cursor: str | None = None
        while True:
            page = await store.read(OwnerSelection(), 100, cursor)
            found += page.records
            cursor = page.cursor
            if cursor is None:
                break
        assert all(record == record_of(int(record.memory_id[1:])) for record in found)
        names = [record.memory_id for record in found]
        assert len(set(names)) == len(names)
        assert {f"m{number}" for number in acknowledged} <= set(names)
        for number in sorted(acknowledged)[-3:]:
            fitting = await store.recall(OWNER, record_of(number).text, 10, RecallFilter(0.0))
            assert f"m{number}" in [one.fields["memory_id"] for one in fitting]
        return found
    finally:
        await store.aclose()


@pytest.fixture
def quick() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", KINDS)
def test_what_was_acknowledged_survives_a_killed_writer(name: str, quick: Path, request: pytest.FixtureRequest) -> None:
    kind, options, modules = KINDS[name]
    if kind == "postgres":
        server = request.getfixturevalue("postgres")
        assert isinstance(server, PostgresServer)
        options = {**options, "url": server.url}
    else:
        options = {**options, "path": str(quick / "memory")}
    command = [sys.executable, "-m", "tests.support.killed_memory", kind, json.dumps(options), *modules]
    chance = random.Random(name)
    acknowledged: set[int] = set()
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        for _ in range(KILLS):
            first = max(acknowledged, default=-1) + 100
            program.stdin.write(f"{first}\n")
            program.stdin.flush()
            pid = int(program.stdout.readline().removeprefix("pid "))
            lines = [program.stdout.readline() for _ in range(chance.randrange(5, 40))]
            os.kill(pid, signal.SIGKILL)
            while (line := program.stdout.readline()) not in ("ended\n", ""):
                lines.append(line)
            assert all(line.strip().isdigit() for line in lines), lines
            acknowledged |= {int(line) for line in lines}
            found = asyncio.run(look(kind, options, acknowledged))
            assert len(found) >= len(acknowledged)
        program.stdin.close()
