"""The write-ahead log of a store in SQLite: small under our own readers, and the doctor names what hinders it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from lightagent.adapters._sqlite.log import LogState, notes_of
from lightagent.adapters._sqlite.transactions import snapshot
from lightagent.adapters.journals.sqlite import SqliteJournalStore, reading
from lightagent.adapters.journals.sqlite.tables import open_database
from lightagent.domain.journals.streams import Draft, StreamKey
from lightagent.domain.scopes import Scope
from tests.functional.test_cli_commands import folder, invoke

__all__ = ["folder"]

APPENDED = int(os.environ.get("TEST_LOG_MEGABYTES", "40"))
BOUND = 32_000_000
"""Bytes that the log does not reach here; docs/stores.md promises 64 MB, for larger appends and busier machines."""
MEGABYTE = f'"{"x" * 1_000_000}"'
NOTES = StreamKey(Scope("acme", "ann"), "notes", "trip")
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


async def append(path: Path, megabytes: int) -> None:
    store = SqliteJournalStore(path, synchronous="normal")
    head = (await store.read(NOTES, -1)).stream.head
    for turn in range(head, head + megabytes):
        await store.append(NOTES, [Draft(MEGABYTE)], expected=turn, at=1.0)
    await store.aclose()


def log_of(path: Path) -> int:
    return path.with_name(f"{path.name}-wal").stat().st_size


@pytest.mark.timeout(60 + APPENDED)
async def test_the_log_stays_small_under_readers_of_ours_without_pause(tmp_path: Path) -> None:
    """Each of two readers ends only once the other has begun, so every commit finds one of them reading."""
    path, over = tmp_path / "journals.db", threading.Event()
    store = SqliteJournalStore(path, synchronous="normal")
    await store.append(NOTES, [Draft(MEGABYTE)], expected=0, at=1.0)
    turns = [threading.Semaphore(1), threading.Semaphore(0)]

    def read(own: int) -> int:
        """As the store reads, in transactions that overlap with those of the other reader."""
        rounds = 0
        with closing(open_database(path, "normal", 30.0)) as connection:
            while not over.is_set():
                with snapshot(connection):
                    reading.read(connection, NOTES, max(rounds % APPENDED - 3, 0), 3, 1.0)
                    turns[1 - own].release()
                    turns[own].acquire(timeout=10.0)
                rounds += 1
            turns[1 - own].release()
        return rounds

    readers, largest = [asyncio.create_task(asyncio.to_thread(read, own)) for own in (0, 1)], 0
    for turn in range(1, APPENDED):
        await store.append(NOTES, [Draft(MEGABYTE)], expected=turn, at=1.0)
        largest = max(largest, log_of(path))
    over.set()
    assert min(await asyncio.gather(*readers)) > 2
    await store.aclose()
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


def test_two_looks_find_a_log_that_a_transaction_holds() -> None:
    small, large = 1_000_000, 20_000_000
    # What could not be moved, and is not moved a while later either, is held by a transaction.
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


async def test_forgetting_does_not_wait_for_a_foreign_reader_and_the_log_is_emptied_later(tmp_path: Path) -> None:
    path = tmp_path / "journals.db"
    log = path.with_name("journals.db-wal")
    store = SqliteJournalStore(path, busy_timeout=3600.0)
    await store.append(NOTES, [Draft('"the forgotten word"')], expected=0, at=1.0)
    with foreign_reader(path):
        assert await asyncio.wait_for(store.forget(NOTES), 10) == 1
        assert b"forgotten word" in log.read_bytes()
    await store.append(NOTES, [Draft("1")], expected=0, at=1.0)
    for file in (path, log):
        assert b"forgotten word" not in file.read_bytes()
    await store.aclose()
