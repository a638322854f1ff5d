"""What a durable store has acknowledged survives the death of its writer, and several processes share it.

The processes are whole programs that die at any moment; `test_journals_killed_at_points` names the moments, and kills
writers of PostgreSQL as well.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lightagent.adapters.registry import open_adapter
from lightagent.domain.journals.streams import Entry, StreamQuery
from lightagent.domain.json_types import JsonObject
from lightagent.ports.journals import JournalStore
from tests.support.journal_writer import key_of

ROOT = Path(__file__).parents[2]
KILLS = max(3, int(os.environ.get("TEST_SOAK_RUNS", "0")) // 1250)
STREAMS = ("a", "b", "c", "d")

STORES: dict[str, Callable[[Path], JsonObject]] = {
    "sqlite": lambda place: {"path": str(place / "journals.db")},
    "files": lambda place: {"directory": str(place / "journals")},
}


def start(kind: str, place: Path, name: str, appends: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.support.journal_writer", kind, json.dumps(STORES[kind](place)), name]
    return subprocess.Popen([*command, str(appends), *STREAMS], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def kill_after(process: subprocess.Popen[str], lines: int) -> list[str]:
    """What the program printed, once it was killed after so many lines."""
    assert process.stdout is not None
    with process:
        said = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
        said += process.stdout.readlines()
    return [line for line in said if line.endswith("\n")]


def read_all(kind: str, place: Path) -> dict[str, tuple[Entry, ...]]:
    """All streams, read by their keys; a listing has to find them too."""

    async def story() -> dict[str, tuple[Entry, ...]]:
        store = open_adapter("journals", kind, STORES[kind](place))
        assert isinstance(store, JournalStore)
        try:
            page = await store.list(StreamQuery())
            assert page.unreadable == ()
            found: dict[str, tuple[Entry, ...]] = {}
            for stream in STREAMS:
                entries: list[Entry] = []
                while True:
                    more = await store.read(key_of(stream), after=len(entries))
                    entries += more.entries
                    if not more.entries:
                        break
                found[stream] = tuple(entries)
                assert [entry.sequence for entry in entries] == [*range(1, more.stream.head + 1)]
            heads = {stream: len(entries) for stream, entries in found.items() if entries}
            assert {stream.key.id: stream.head for stream in page.streams} == heads
            return found
        finally:
            await store.aclose()

    return asyncio.run(story())


def appends_of(entries: tuple[Entry, ...]) -> list[tuple[str, int, int]]:
    """Who wrote which append, and the sequence of its last entry; each must be there as a whole."""
    found: list[tuple[str, int, int]] = []
    rest = [(entry.sequence, json.loads(entry.content)) for entry in entries]
    while rest:
        count = rest[0][1]["of"]
        parts, rest = rest[:count], rest[count:]
        _, first = parts[0]
        assert [part for _, part in parts] == [{**first, "part": n, "text": "x" * 200 * n} for n in range(count)]
        found.append((first["by"], first["append"], parts[-1][0]))
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", STORES)
def test_no_kill_loses_what_was_acknowledged(kind: str, tmp_path: Path) -> None:
    chance = random.Random(7)
    acknowledged: list[tuple[str, int, str, int]] = []
    for turn in range(KILLS):
        said = kill_after(start(kind, tmp_path, f"n{turn}", 1_000_000), chance.randrange(1, 60))
        for line in said:
            stream, head, number = line.split()
            acknowledged.append((stream, int(head), f"n{turn}", int(number)))
        found = {stream: appends_of(entries) for stream, entries in read_all(kind, tmp_path).items()}
        kept = {(stream, head, name, number) for stream in STREAMS for name, number, head in found[stream]}
        assert kept >= set(acknowledged)
        # Of what was not acknowledged there is at most one append a stream and kill, and nothing was written twice.
        count = sum(map(len, found.values()))
        assert len(acknowledged) <= count <= len(acknowledged) + (turn + 1) * len(STREAMS)
        assert all(len(set(appends)) == len(appends) for appends in found.values())


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", STORES)
def test_processes_append_side_by_side_and_no_append_is_lost(kind: str, tmp_path: Path) -> None:
    turns = 12
    writers = [start(kind, tmp_path, name, turns) for name in ("left", "right")]
    for writer in writers:
        said, _ = writer.communicate(timeout=60)
        assert writer.returncode == 0
        assert len(said.splitlines()) == turns * len(STREAMS)
    for entries in read_all(kind, tmp_path).values():
        found = appends_of(entries)
        for name in ("left", "right"):
            assert [number for by, number, _ in found if by == name] == [*range(turns)]
