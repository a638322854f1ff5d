"""The write-ahead log of a store in SQLite: small under our own readers, and the doctor names who hinders it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lightagent.adapters.journals.sealed import SealedJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.adapters.journals.sqlite.log import LogState, notes_of
from lightagent.aiokits.paging import all_pages
from lightagent.domain.journal_seals import seal_keys
from lightagent.domain.journal_streams import Draft, StreamKey, StreamQuery
from lightagent.domain.scopes import Scope
from tests.functional.test_cli_commands import folder, invoke

__all__ = ["folder"]

APPENDED = int(os.environ.get("TEST_LOG_MEGABYTES", "40"))
BOUND = 64_000_000
"""Bytes that the log never reaches under readers of ours, as docs/stores.md promises."""
MEGABYTE = f'"{"x" * 1_000_000}"'
NOTES = [StreamKey(Scope("acme", "ann"), "notes", str(number)) for number in range(4)]
STORE = '[default.model]\nkind = "offline"\n[default.journals]\nkind = "sqlite"\npath = "journals.db"\n'

FOREIGN = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN")
database.execute("SELECT count(*) FROM streams").fetchone()
print("reading", flush=True)
sys.stdin.read()
"""


@contextmanager
def foreign_reader(path: Path) -> Iterator[int]:
    """Another program that leaves a transaction open; its process."""
    command = [sys.executable, "-c", FOREIGN, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "reading\n"
            yield child.pid
        finally:
            assert child.stdin is not None
            child.stdin.close()
            child.wait(10)


async def append(path: Path, megabytes: int, key: StreamKey = NOTES[0]) -> None:
    store = SqliteJournalStore(path, synchronous="normal")
    head = (await store.read(key, -1)).stream.head
    for turn in range(head, head + megabytes):
        await store.append(key, [Draft(MEGABYTE)], expected=turn, at=1.0)
    await store.aclose()


def log_of(path: Path) -> int:
    return path.with_name(f"{path.name}-wal").stat().st_size


async def test_the_log_stays_small_while_readers_of_ours_page_without_pause(tmp_path: Path) -> None:
    """With another megabyte in each append, 20 times what a usual entry has, and readers in other threads."""
    path = tmp_path / "journals.db"
    writer, over, largest = SqliteJournalStore(path, synchronous="normal"), asyncio.Event(), 0
    sealed = SealedJournalStore(writer, seal_keys("shop", {"spring": "s" * 32}))

    async def page(store: SqliteJournalStore) -> int:
        """Go through all streams and entries again and again."""
        rounds = 0
        while not over.is_set():
            async for found in all_pages(lambda cursor: store.list(StreamQuery(limit=2, cursor=cursor))):
                for stream in found.streams:
                    after = 0
                    while entries := (await store.read(stream.key, after, 3)).entries:
                        after = entries[-1].sequence
            rounds += 1
        return rounds

    readers = [SqliteJournalStore(path), writer]
    await sealed.append(NOTES[0], [Draft(MEGABYTE)], expected=0, at=1.0)
    tasks = [asyncio.create_task(page(reader)) for reader in readers]
    heads = [1, 0, 0, 0]
    for turn in range(APPENDED):
        place = turn % len(NOTES)
        heads[place] = await sealed.append(NOTES[place], [Draft(MEGABYTE)], expected=heads[place], at=1.0)
        largest = max(largest, log_of(path))
    over.set()
    assert min(await asyncio.gather(*tasks)) >= 1
    for reader in readers:
        await reader.aclose()
    print("LARGEST", largest)
    assert 0 < largest < BOUND


def test_the_doctor_names_who_keeps_the_log_from_shrinking(folder: Path) -> None:
    (folder / "lightagent.toml").write_text(STORE)
    path = folder / "journals.db"
    asyncio.run(append(path, 1))
    with foreign_reader(path) as pid:
        asyncio.run(append(path, 12))
        told = invoke("doctor")
        assert told.exit_code == 0
        assert "The write-ahead log has 1" in told.stdout
        who = f"process {pid} (" if sys.platform == "linux" else "another program"
        assert f"an open transaction of {who}" in told.stdout
        assert "keeps it from shrinking" in told.stdout
    asyncio.run(append(path, 1))
    told = invoke("doctor")
    assert "The write-ahead log has " in told.stdout
    assert "keeps it from shrinking" not in told.stdout


def test_a_log_that_somebody_holds_open_is_told_by_two_looks() -> None:
    small, large = 1_000_000, 20_000_000
    # What could not be moved, and is not moved a while later either, is held by somebody.
    (note,) = notes_of(LogState(small, True, 5), LogState(small, True, 5))
    assert "1.0 MB, and an open transaction of another program" in note.text
    assert note.advice
    # Readers that come and go do not.
    for first, second in (
        (LogState(large, True, 5), LogState(large, True, 9)),
        (LogState(large, True, 5), LogState(large, False, 5)),
        (LogState(large, False, 5, frozenset({1})), LogState(large, False, 5, frozenset({2}))),
        (LogState(small, False, 5, frozenset({1})), LogState(small, False, 5, frozenset({1}))),
    ):
        (note,) = notes_of(first, second)
        assert not note.advice
    # One that reads at the end of the log leaves nothing behind, but keeps it from being begun anew.
    (note,) = notes_of(
        LogState(large, False, 5, frozenset({os.getpid()})), LogState(large, False, 5, frozenset({os.getpid()}))
    )
    assert "an open transaction of this process" in note.text


@pytest.mark.parametrize("front", ["sealed", "encrypted"])
def test_the_doctor_looks_behind_what_stands_before_the_store(folder: Path, front: str) -> None:
    keys = 'keys = { spring = { env = "JOURNAL_KEY" } }'
    store = '{ kind = "sqlite", path = "journals.db" }'
    journals = f'[default.journals]\nkind = "{front}"\nname = "x"\n{keys}\nstore = {store}\n'
    (folder / "lightagent.toml").write_text(f'[default.model]\nkind = "offline"\n{journals}')
    assert "The write-ahead log has 0.0 MB." in invoke("doctor", JOURNAL_KEY="k" * 32).stdout
