"""Files of a store with flipped bytes and cut ends: what is read is what was written, or is refused; the rest goes on.

SQLite has no checksums of its pages. A byte that is flipped in an index or the header of a page may hide streams, which
then seem not to be there, and a log that was cut looks like the log of a moment before; heads that are kept elsewhere
reveal both.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from lightagent.adapters.journals.files import JsonFilesJournalStore
from lightagent.adapters.journals.sealed import FileHeads, SealedJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.domain.errors import StoreError
from lightagent.domain.journals.seals import seal_keys
from lightagent.domain.journals.streams import Draft, Slice, StreamInfo, StreamKey, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore

MUTATIONS: Final = int(os.environ.get("TEST_MUTATIONS", "20"))
"""Of each store; of a database ten times as many."""
KEYS: Final = [StreamKey(Scope("acme", "ann"), "run", f"run {number}") for number in range(12)]
SEALS: Final = seal_keys("shop", {"spring": "s" * 32})

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="there are no file locks for the store in files"),
    pytest.mark.timeout(1800),
]


@dataclass(frozen=True, slots=True)
class Seen:
    """What a store gives of each stream, None where it refuses, and its listing, None where that is refused."""

    streams: tuple[Slice | None, ...]
    listed: tuple[StreamInfo, ...] | None
    unreadable: int = 0


async def fill(store: JournalStore) -> None:
    for turn in range(4):
        for key in KEYS:
            labels = {"status": "open", "turn": str(turn)}
            await store.append(key, [Draft(f'{{"turn": {turn}}}')], expected=turn, at=float(turn), labels=labels)
        if turn == 1:
            await store.forget(KEYS[3], before=2)  # It also empties the log of SQLite.


async def see(store: JournalStore) -> Seen:
    """Read everything; only errors of stores are expected."""
    found = list[Slice | None]()
    for key in KEYS:
        try:
            found.append(await store.read(key))
        except StoreError:
            found.append(None)
    try:
        page = await store.list(StreamQuery(labels={"status": "open"}))
    except StoreError:
        return Seen(tuple(found), None)
    return Seen(tuple(found), page.streams, len(page.unreadable))


def seen(open_store: Callable[[], JournalStore]) -> Seen:
    async def story() -> Seen:
        store = open_store()
        try:
            return await see(store)
        finally:
            await store.aclose()

    return asyncio.run(story())


def made(open_store: Callable[[], JournalStore], copied: tuple[Path, Path] | None = None) -> None:
    """Fill a store; with `copied` it is copied from one place to the other before it is closed."""

    async def story() -> None:
        store = open_store()
        await fill(store)
        if copied:
            shutil.copytree(*copied)
        await store.aclose()

    asyncio.run(story())


def mutate(data: bytes, chance: random.Random) -> bytes:
    """The data with a byte flipped, or its end cut off."""
    place = chance.randrange(len(data))
    if chance.random() < 0.2:
        return data[:place]
    return data[:place] + bytes([data[place] ^ chance.randrange(1, 256)]) + data[place + 1 :]


def was_written(found: Seen, whole: Seen) -> bool:
    """Whether all streams that were not refused are as they were written."""
    listed = whole.listed or ()
    return all(one in (None, other) for one, other in zip(found.streams, whole.streams, strict=True)) and all(
        one in listed for one in found.listed or ()
    )


def test_of_a_damaged_database_nothing_is_read_that_was_not_written(tmp_path: Path) -> None:
    path = tmp_path / "journals.db"
    made(lambda: SqliteJournalStore(path))
    whole, data, chance = seen(lambda: SqliteJournalStore(path)), path.read_bytes(), random.Random(17)
    refused = hidden = 0
    for _ in range(10 * MUTATIONS):
        path.write_bytes(mutate(data, chance))
        found = seen(lambda: SqliteJournalStore(path))
        refused += None in found.streams
        hidden += was_hidden(found)
        gone = zip(found.streams, whole.streams, KEYS, strict=True)
        found = replace(found, streams=tuple(full if one == nothing(key) else one for one, full, key in gone))
        assert was_written(found, whole)
    assert refused > MUTATIONS
    assert hidden < MUTATIONS


def was_hidden(found: Seen) -> bool:
    """Whether a stream seems not to be there, which a flipped byte in an index or in the header of a page can bring."""
    return any(one == nothing(key) for one, key in zip(found.streams, KEYS, strict=True)) or (
        found.listed is not None and len(found.listed) + found.unreadable < len(KEYS)
    )


def nothing(key: StreamKey) -> Slice:
    """What is read of a stream that is not there."""
    return Slice(StreamInfo(key))


def test_a_damaged_entry_of_a_database_leaves_all_streams_listed(tmp_path: Path) -> None:
    path = tmp_path / "journals.db"
    made(lambda: SqliteJournalStore(path))
    whole, data = seen(lambda: SqliteJournalStore(path)), path.read_bytes()
    changed = data.replace(b'{"turn": 2}', b'{"turn": 7}', 1)
    assert changed != data
    path.write_bytes(changed)
    found = seen(lambda: SqliteJournalStore(path))
    assert found.listed == whole.listed
    assert [one is None for one in found.streams].count(True) == 1
    assert was_written(found, whole)


def test_a_damaged_log_is_the_log_of_a_moment_before(tmp_path: Path) -> None:
    source, place = tmp_path / "made", tmp_path / "opened"
    source.mkdir()
    made(lambda: SqliteJournalStore(source / "db", synchronous="normal"), (source, tmp_path / "copy"))
    log, chance, shorter = (tmp_path / "copy" / "db-wal").read_bytes(), random.Random(19), 0
    shutil.copytree(tmp_path / "copy", place)
    whole = seen(lambda: SqliteJournalStore(place / "db"))
    for _ in range(MUTATIONS):
        shutil.rmtree(place)
        shutil.copytree(tmp_path / "copy", place)
        (place / "db-wal").write_bytes(mutate(log, chance))
        found = seen(lambda: SqliteJournalStore(place / "db"))
        for one, full in zip(found.streams, whole.streams, strict=True):
            assert one is not None
            assert full is not None
            first = full.stream.base - one.stream.base
            texts = [entry.content for entry in one.entries[first:]]
            assert texts == [entry.content for entry in full.entries[: len(texts)]]
            shorter += one.stream.head < full.stream.head
    assert shorter


SEALED: Final[dict[str, Callable[[Path], JournalStore]]] = {
    "sqlite": lambda place: SqliteJournalStore(place / "db", synchronous="normal"),
    "files": lambda place: JsonFilesJournalStore(place),
}


@pytest.mark.parametrize("kind", SEALED)
def test_with_heads_elsewhere_every_stream_is_as_it_was_written_or_refused(kind: str, tmp_path: Path) -> None:
    copy, place = tmp_path / "copy", tmp_path / "store"

    def sealed(heads: Path) -> JournalStore:
        return SealedJournalStore(SEALED[kind](place), SEALS, FileHeads(heads, fsync=False), patience=0)

    place.mkdir()
    made(lambda: sealed(tmp_path / "heads"), (place, copy))
    whole, chance, refused = seen(lambda: sealed(tmp_path / "heads")), random.Random(23), 0
    files = [
        file for file in sorted(copy.rglob("*")) if file.is_file() and file.stat().st_size and "-shm" not in file.name
    ]
    for _ in range(MUTATIONS):
        shutil.rmtree(place)
        shutil.copytree(copy, place)
        file = chance.choice(files)
        (place / file.relative_to(copy)).write_bytes(mutate(file.read_bytes(), chance))
        found = seen(lambda: sealed(tmp_path / "heads"))
        assert was_written(found, whole)
        refused += None in found.streams
    assert refused
