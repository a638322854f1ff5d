"""Memories in SQLite: what is forgotten leaves nothing behind, and what goes wrong with a file or an embedder."""

from __future__ import annotations

import asyncio
import logging
import shutil
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from lightagent.adapters.embedding.hashing import HashingEmbedder
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.adapters.memory.sqlite import SqliteMemory
from lightagent.domain.errors import ConfigurationError, ProviderError, StoreError
from lightagent.domain.journals.streams import StreamQuery
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import MemoryOwner
from lightagent.domain.text.vectors import TextRole, Vector
from lightagent.ports.memory import OwnerSelection
from lightagent.testing.contracts.memory_store.base import ANN, BOB, memory, read_all, recalled
from tests.functional.test_journals_full_disks import short_files

if sys.platform == "win32":
    pytest.skip("there are no such limits", allow_module_level=True)


class FailingEmbedder(HashingEmbedder):
    """Fails while `is_down`."""

    is_down = False

    async def embed(self, texts: Sequence[str], role: TextRole = "document") -> list[Vector]:
        if self.is_down:
            raise ProviderError("It is down.", code="LA-503", retryable=True)
        return await super().embed(texts, role)


def contents(place: Path) -> bytes:
    """The bytes of the database and of its log."""
    return b"".join(path.read_bytes() for path in place.iterdir() if not path.name.endswith("-shm"))


@pytest.mark.parametrize("way", ["one", "user", "all"])
async def test_what_was_forgotten_is_in_no_byte_of_the_file(tmp_path: Path, way: str) -> None:
    store = SqliteMemory(tmp_path / "memory.db", embedder=HashingEmbedder(32))
    secret = "xylophonist Quuxbergthal 绝密"
    await store.write([memory(f"a{number}", f"number {number}", ANN) for number in range(50)])
    await store.write([memory("secret-id", f"{secret} {'tea ' * 3000}", ANN, {"source": "user", "note": secret})])
    await store.write([memory("b", "Bob likes honey", BOB)])
    await store.write([memory(f"c{number}", f"number {number}", ANN) for number in range(50)])
    assert len(await recalled(store, "xylophonist", limit=1)) == 1
    if way == "one":
        assert await store.forget(OwnerSelection(user="ann"), ["secret-id"]) == 1
    else:
        selection = OwnerSelection(user="ann") if way == "user" else OwnerSelection()
        assert await store.forget(selection) == (101 if way == "user" else 102)
    assert secret not in " ".join(await recalled(store, "xylophonist", limit=200))
    await store.recall(BOB, "honey", 5, RecallFilter(1.0))
    files = contents(tmp_path)
    words = ["xylophonist", "Quuxbergthal", "quuxbergth", "绝密", "secret-id"] + (["ann"] if way != "one" else [])
    assert not [word for word in words if word.encode() in files]
    if way != "all":
        assert b"Bob likes honey" in files
    await store.aclose()


async def test_an_owner_that_begins_again_finds_nothing_of_before(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    store = SqliteMemory(path)
    await store.write([memory("m", "I like green tea.")])
    await store.forget(OwnerSelection(user="ann"))
    await store.write([memory("m", "I like water.", BOB), memory("n", "I like honey.")])
    await store.aclose()
    with closing(sqlite3.connect(path)) as connection:
        numbers = [number for (number,) in connection.execute("SELECT id FROM owners ORDER BY id")]
    assert numbers == [2, 3]


async def test_another_embedder_is_refused_until_the_file_is_brought_over(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    first = SqliteMemory(path, embedder=HashingEmbedder(32))
    await first.write([memory(f"m{number}", f"I like tea number {number}.") for number in range(3)])
    await first.aclose()
    for other in (SqliteMemory(path, embedder=HashingEmbedder(64)), SqliteMemory(path)):
        for refused in (recalled(other, "tea"), other.write([memory("n", "more tea")])):
            with pytest.raises(ConfigurationError) as error:
                await refused
            assert "hashing:1:32" in str(error.value)
            assert str(path) in str(error.value)
            assert "lightagent memory reindex" in str(error.value)
        # What was remembered can be read and forgotten all the same.
        assert len(await read_all(other)) == 3
        await other.aclose()
    assert await store_reindexed(path, HashingEmbedder(64)) == 3
    again = SqliteMemory(path, embedder=HashingEmbedder(64))
    assert len(await recalled(again, "tea")) == 3
    await again.aclose()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT DISTINCT length(vector), count(*) FROM vectors").fetchall() == [(256, 3)]


async def store_reindexed(path: Path, embedder: HashingEmbedder) -> int:
    """How many memories were brought over."""
    store = SqliteMemory(path, embedder=embedder)
    count = await store.reindex()
    await store.aclose()
    return count


async def test_while_an_embedder_is_down_the_words_are_enough(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    embedder = FailingEmbedder(32)
    store = SqliteMemory(tmp_path / "memory.db", embedder=embedder)
    await store.write([memory("m0", "My dog is called Rex.")])
    embedder.is_down = True
    with caplog.at_level(logging.WARNING, "lightagent"):
        await store.write([memory("m1", "My cat is called Mia.")])
        assert await recalled(store, "cat", limit=1) == ["My cat is called Mia."]
        assert (await recalled(store, "dog"))[0] == "My dog is called Rex."
    assert "written without vectors" in caplog.text
    assert "found by their words" in caplog.text
    embedder.is_down = False
    assert await store.reindex() == 2
    assert await recalled(store, "cats", limit=1) == ["My cat is called Mia."]
    await store.aclose()


async def write_until_refused(store: SqliteMemory) -> tuple[int, StoreError]:
    """How many memories were acknowledged, and the error that ended it."""
    kept = 0
    while True:
        try:
            await store.write([memory(f"m{kept}", f"number {kept} " + "x" * 20_000)])
        except StoreError as error:
            return kept, error
        kept += 1


async def test_a_full_disk_is_reported_and_loses_nothing(tmp_path: Path) -> None:
    store = SqliteMemory(tmp_path / "memory.db")
    await store.write([memory("first", "the first")])
    with short_files(400_000):
        kept, refused = await write_until_refused(store)
    assert "disk" in refused.guidance
    assert kept > 0
    await store.write([memory("last", "the last")])
    assert len(await read_all(store)) == kept + 2
    assert await recalled(store, "last", limit=1) == ["the last"]
    await store.aclose()


async def test_a_foreign_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    journals = SqliteJournalStore(tmp_path / "journals.db")
    await journals.list(StreamQuery())
    await journals.aclose()
    (tmp_path / "text.db").write_bytes(b"no database at all, but some text" * 100)
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE things (a)")
    for name in ("journals.db", "text.db", "other.db"):
        before = (tmp_path / name).read_bytes()
        store = SqliteMemory(tmp_path / name)
        with pytest.raises(StoreError) as refused:
            await store.write([memory("m", "tea")])
        assert name in str(refused.value)
        assert refused.value.guidance
        with pytest.raises(StoreError):
            await recalled(store, "tea")
        await store.aclose()
        assert name == "other.db" or (tmp_path / name).read_bytes() == before


async def test_a_file_that_another_program_holds_is_an_error_that_can_be_tried_again(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    store = SqliteMemory(path, busy_timeout=0.05)
    await store.write([memory("m", "I like tea.")])
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked") as refused:
            await store.write([memory("n", "I like honey.")])
        assert refused.value.retryable
        assert await recalled(store, "tea") == ["I like tea."]
    await store.write([memory("n", "I like honey.")])
    assert len(await read_all(store)) == 2
    await store.aclose()


async def test_what_was_changed_in_the_file_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    store = SqliteMemory(path)
    await store.write([memory("m1", "I like green tea."), memory("m2", "I like honey.")])
    await store.aclose()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE memories SET text = CAST('I like green gin.' AS BLOB) WHERE id = 1")
    with pytest.raises(StoreError, match="'m1' is not what was written"):
        await recalled(store, "green")
    assert await recalled(store, "honey", limit=1) == ["I like honey."]
    await store.aclose()


async def test_a_file_that_was_moved_away_is_written_no_more(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    store = SqliteMemory(path)
    await store.write([memory("m1", "I like tea.")])
    shutil.move(path, tmp_path / "moved.db")
    with pytest.raises(StoreError, match="moved, removed or replaced"):
        await store.write([memory("m2", "I like honey.")])
    await store.aclose()


async def test_an_answer_is_found_beside_its_question(tmp_path: Path) -> None:
    store = SqliteMemory(tmp_path / "memory.db")
    said = ["Ann: What is the name of your dog?", "Bob: Rex.", "Ann: I was in Rome.", "Bob: It rains."]
    await store.write([memory(f"m{place}", text, at=100.0 + place) for place, text in enumerate(said)])
    await store.write([memory("later", "Bob: Something else altogether.", at=100_000.0)])
    found = await recalled(store, "What is the dog called?")
    assert "Bob: Rex." in found[:2]
    assert "Bob: Something else altogether." not in found
    # What a filter keeps out is not found beside anything either.
    await store.write([memory("x", "dog", at=200_000.0)])
    await store.write([memory("y", "secret", metadata={"source": "user", "injectable": False}, at=200_001.0)])
    assert "secret" not in await recalled(store, "dog", limit=10)
    await store.aclose()


async def test_what_others_write_changes_no_order(tmp_path: Path) -> None:
    store = SqliteMemory(tmp_path / "memory.db", nearby=0)
    await store.write([memory("m1", "honey and bread"), memory("m2", "aspirin and bread"), memory("m3", "bread")])
    before = await recalled(store, "honey aspirin bread")
    # For the others "aspirin" is in every memory, so that it says nothing there.
    others = [memory(f"o{number}", "aspirin", MemoryOwner("bank", "evil", "ann")) for number in range(500)]
    await store.write(others)
    assert await recalled(store, "honey aspirin bread") == before
    await store.aclose()


@pytest.mark.parametrize("embedder", [None, HashingEmbedder(16)], ids=["words", "vectors"])
async def test_what_makes_the_vectors_is_written_down_once(tmp_path: Path, embedder: HashingEmbedder | None) -> None:
    store = SqliteMemory(tmp_path / "memory.db", embedder=embedder)
    await store.write([memory("m1", "I like tea.")])
    with closing(sqlite3.connect(tmp_path / "memory.db")) as other:
        other.execute("CREATE TRIGGER once BEFORE INSERT ON facts BEGIN SELECT raise(ABORT, 'again'); END")
    await store.write([memory("m2", "I like honey.")])
    await store.aclose()


async def test_any_number_of_memories_may_be_asked_for(tmp_path: Path) -> None:
    store = SqliteMemory(tmp_path / "memory.db", nearby=0)
    await store.write([memory(f"m{number}", "I like tea.") for number in range(3)])
    assert len((await store.read(OwnerSelection(), 10**30)).records) == 3
    assert len(await store.recall(ANN, "tea", 10**30, RecallFilter(1.0))) == 3
    await store.aclose()


async def test_cancelled_writers_leave_the_store_whole(tmp_path: Path) -> None:
    store = SqliteMemory(tmp_path / "memory.db")
    tasks = [asyncio.create_task(store.write([memory(f"m{number}", f"tea {number}")])) for number in range(40)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    kept = {record.memory_id for record in await read_all(store)}
    assert kept >= {f"m{number}" for number in range(1, 40, 2)}
    await store.aclose()


async def test_any_number_of_removals_leaves_the_index_whole(tmp_path: Path) -> None:
    """Older versions of SQLite take an index that was merged a thousand times for damaged."""
    store = SqliteMemory(tmp_path / "memory.db", synchronous="normal")
    await store.write([memory(f"m{number}", f"number {number}", ANN) for number in range(2000)])
    one_each = (store.forget(OwnerSelection(user="ann"), [f"m{number}"]) for number in range(1100))
    assert sum(await asyncio.gather(*one_each)) == 1100
    await store.aclose()
    assert await recalled(store, "number 1500", limit=1) == ["number 1500"]
    assert await recalled(store, "500", limit=1) == []
    assert await store.reindex() == 900
    await store.aclose()
