"""What somebody with access to the databases hides, breaks or races is told by `findings`, and can be cleared away."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.memory._written_out import read_out
from lightagent.adapters.memory.process import InProcessMemory
from lightagent.adapters.memory.sealed import SealedMemory
from lightagent.adapters.memory.sqlite import SqliteMemory
from lightagent.application.memory.memories import EVERYTHING
from lightagent.domain.errors import DamagedStream
from lightagent.domain.journals.streams import Slice, StreamKey, StreamQuery
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.memory.seals import memory_keys
from lightagent.domain.memory.stream import FindingKind
from lightagent.ports.memory import OwnerSelection
from tests.support.journal_editor import Editor, MemoryEditor, RawStream, SqliteEditor

ANN, BOB = MemoryOwner(tenant="acme", user="ann"), MemoryOwner(tenant="acme", user="bob")
OF_ANN: Final = OwnerSelection(*ANN.parts)
KEYS: Final = memory_keys("bank", {"k1": "k" * 40})

Found: TypeAlias = set[tuple[FindingKind, str, str]]


def record(memory_id: str, owner: MemoryOwner = ANN) -> MemoryRecord:
    return MemoryRecord(memory_id, owner, "Ann's account is 1234.", {"source": "user"}, 5.0)


async def findings(memory: SealedMemory, selection: OwnerSelection = EVERYTHING) -> Found:
    return {(one.kind, one.owner.user, one.memory_id) async for one in memory.findings(selection)}


@dataclass(frozen=True, slots=True)
class Bank:
    """A sealed memory with three memories of Ann's on record, and who can edit its journal store."""

    memory: SealedMemory
    store: SqliteMemory
    editor: Editor
    stream: StreamKey

    @property
    def raw(self) -> RawStream:
        return self.editor.take(self.stream)


@pytest.fixture(params=[MemoryEditor, SqliteEditor], ids=["memory", "sqlite"])
async def bank(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bank]:
    editor: Editor = request.param(tmp_path / "journal")
    store, journal = SqliteMemory(tmp_path / "memory.db"), editor.open()
    memory = SealedMemory(store, KEYS, journal)
    for name in ("m1", "m2", "m3"):
        await memory.write([record(name)])
    [stream] = (await journal.list(StreamQuery(kind="memory"))).streams
    yield Bank(memory, store, editor, stream.key)
    await memory.aclose()


async def test_a_stream_whose_labels_were_changed_hides_nothing(bank: Bank) -> None:
    await bank.store.forget(OF_ANN, ["m2"])
    raw = bank.raw
    for labels in ({}, {**raw.info.labels, "user": "other"}):
        bank.editor.put(replace(raw, info=replace(raw.info, labels=labels)))
        assert await findings(bank.memory) == {("stream", "ann", ""), ("missing", "ann", "m2")}
        assert await findings(bank.memory, OwnerSelection(user="ann")) == {
            ("stream", "ann", ""),
            ("missing", "ann", "m2"),
        }
    assert await bank.memory.adopt() == 2
    assert await findings(bank.memory) == set()


async def test_a_stream_that_was_taken_out_of_the_index_alone_hides_nothing(bank: Bank) -> None:
    if isinstance(bank.editor, SqliteEditor):
        bank.editor.cut_index(bank.stream)
    await bank.store.forget(EVERYTHING)
    assert await findings(bank.memory) == {("missing", "ann", one) for one in ("m1", "m2", "m3")}


async def test_last_entries_that_are_gone_are_told_also_where_the_head_was_left(bank: Bank) -> None:
    await bank.store.forget(OF_ANN, ["m3"])
    raw = bank.raw
    for seal in (raw.info.seal, raw.entries[-2].seal):
        bank.editor.put(RawStream(replace(raw.info, seal=seal), raw.entries[:-1]))
        assert await findings(bank.memory) == {("stream", "ann", "")}


async def test_a_stream_that_is_damaged_is_begun_anew_also_where_no_memory_says_whose_it_is(bank: Bank) -> None:
    raw = bank.raw
    bank.editor.put(raw.with_entries([*raw.entries[:-1], replace(raw.entries[-1], content="[]")]))
    await bank.store.forget(EVERYTHING)
    assert await findings(bank.memory) == {("stream", "", "")}
    assert await bank.memory.adopt(OwnerSelection(tenant="globex")) == 0
    assert await findings(bank.memory) == {("stream", "", "")}
    assert await bank.memory.adopt() == 0
    assert await findings(bank.memory) == set()
    await bank.memory.write([record("m4")])
    assert await findings(bank.memory) == set()


async def test_a_damaged_stream_keeps_no_other_owner_from_being_forgotten(tmp_path: Path) -> None:
    editor, store = MemoryEditor(tmp_path), InProcessMemory()
    memory = SealedMemory(store, KEYS, editor.open())
    for owner in (ANN, BOB, MemoryOwner(tenant="acme", user="eve")):
        await memory.write([record("m1", owner), record("m2", owner)])
    found = (await editor.open().list(StreamQuery(kind="memory"))).streams
    raw = editor.take(found[1].key)
    editor.put(raw.with_entries(raw.entries[:-1]))
    memory = SealedMemory(store, KEYS, editor.open())
    for ids, left in ((["m1"], 4), (None, 2)):
        with pytest.raises(DamagedStream, match="lightagent memory adopt"):
            await memory.forget(OwnerSelection(tenant="acme"), ids)
        assert len((await store.read(EVERYTHING, 10)).records) == left
    assert await memory.adopt() == 2
    assert await memory.forget(OwnerSelection(tenant="acme")) == 2


async def test_what_names_no_memory_removes_and_records_nothing(bank: Bank) -> None:
    assert await bank.memory.forget(OF_ANN, []) == 0
    assert len(bank.raw.entries) == 4


@pytest.mark.parametrize("way", ["erased", "adopted"])
async def test_keys_in_another_order_leave_no_second_stream(way: str) -> None:
    """The first key names the streams, so that a process that knows another first key begins one of its own."""
    journal, store = MemoryJournalStore(), InProcessMemory()
    old = SealedMemory(store, memory_keys("bank", {"k1": "k" * 40}), journal)
    new = SealedMemory(store, memory_keys("bank", {"k2": "o" * 40, "k1": "k" * 40}, "k1"), journal)
    await new.write([record("m1")])
    await old.write([record("m2")])
    assert len((await journal.list(StreamQuery())).streams) == 2
    assert await findings(new) == {("unknown", "ann", "m2")}
    await (new.forget(OF_ANN) if way == "erased" else new.adopt())
    assert await findings(new) == set()
    [stream] = (await journal.list(StreamQuery())).streams
    [entry] = (await journal.read(stream.key)).entries
    assert way in entry.content


class Interrupted(MemoryJournalStore):
    """A journal store of which something is done between the first page of a stream and the second."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], Awaitable[object]] | None = None

    async def read(self, key: StreamKey, after: int = 0, limit: int = 1000, wait: float = 0.0) -> Slice:
        found = await super().read(key, after, limit, wait)
        if after == 0 and self.meanwhile is not None:
            act, self.meanwhile = self.meanwhile, None
            await act()
        return found


@pytest.mark.parametrize("deed", ["erased", "erased and written again", "adopted"])
async def test_a_long_stream_that_changes_while_it_is_read_is_no_fault(deed: str) -> None:
    journal, store = Interrupted(), InProcessMemory()
    memory, other = SealedMemory(store, KEYS, journal), SealedMemory(store, KEYS, journal)
    for number in range(1200):
        await memory.write([record(f"m{number % 3}")])

    async def meanwhile() -> None:
        if deed == "adopted":
            await other.adopt()
        else:
            await other.forget(OF_ANN)
        if deed == "erased and written again":
            await other.write([record("m1")])

    journal.meanwhile = meanwhile
    assert await findings(memory) == set()
    assert journal.meanwhile is None


class SlowStore(InProcessMemory):
    """A store that removes memories once it may."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.may = asyncio.Event(), asyncio.Event()

    async def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None = None) -> int:
        self.is_asked.set()
        await self.may.wait()
        return await super().forget(selection, memory_ids)


async def test_a_removal_that_takes_long_keeps_nobody_from_verifying(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lightagent.adapters.memory._streams._PATIENCE", 0.05)
    store = SlowStore()
    memory = SealedMemory(store, KEYS, MemoryJournalStore())
    await memory.write([record("m1"), record("m2", BOB)])
    await InProcessMemory.forget(store, OwnerSelection(user="bob"))
    removal = asyncio.create_task(memory.forget(OF_ANN))
    await store.is_asked.wait()
    assert await findings(memory) == {("returned", "ann", "m1"), ("missing", "bob", "m2")}
    store.may.set()
    await removal
    assert await findings(memory) == {("missing", "bob", "m2")}


DAMAGE: Final[Mapping[str, tuple[str, Found]]] = {
    "metadata that is none": ("UPDATE memories SET metadata = 'x' WHERE id = 2", {("edited", "ann", "m2")}),
    "metadata that is not text": (
        "UPDATE memories SET metadata = CAST(x'ff' AS TEXT) WHERE id = 2",
        {("edited", "ann", "m2")},
    ),
    "metadata that is nested too deep": (
        f"UPDATE memories SET metadata = '{'[' * 100_000}' WHERE id = 2",
        {("edited", "ann", "m2")},
    ),
    "an id": ("UPDATE memories SET memory_id = x'ff' WHERE id = 2", {("replayed", "ann", "\ufffd")}),
    "no id": ("UPDATE memories SET memory_id = x'' WHERE id = 2", {("replayed", "ann", "?")}),
    "an owner": ("UPDATE owners SET user = x'ff'", {("replayed", "\ufffd", one) for one in ("m1", "m2", "m3")}),
}
"""What a person with access to the file types, and the memories that are named besides those that are missing then."""


@pytest.mark.parametrize("damage", DAMAGE)
async def test_what_can_be_read_no_more_is_named_and_removed_alone(tmp_path: Path, damage: str) -> None:
    statement, named = DAMAGE[damage]
    memory = SealedMemory(SqliteMemory(tmp_path / "memory.db"), KEYS, MemoryJournalStore())
    m2 = replace(record("m2"), metadata={"source": "user", "supersedes": ["m1"]})
    await memory.write([record("m1"), m2, record("m3")])
    with closing(sqlite3.connect(tmp_path / "memory.db")) as connection, connection:
        connection.execute(statement)
    found = [one async for one in memory.findings()]
    wrong = [one for one in found if one.kind != "missing"]
    assert {(one.kind, one.owner.user, one.memory_id) for one in wrong} == named
    for one in wrong:
        assert await memory.forget(OwnerSelection(*one.owner.parts), [one.memory_id]) == 1
    assert {one.kind for one in found if one.kind == "missing"} == {kind for kind, _, _ in await findings(memory)}
    await memory.write([m2])
    assert ("missing", "ann", "m2") not in await findings(memory)
    await memory.aclose()


async def test_nothing_stays_of_owners_whose_names_were_damaged(tmp_path: Path) -> None:
    memory = SealedMemory(SqliteMemory(tmp_path / "memory.db"), KEYS, MemoryJournalStore())
    await memory.write([record("m1"), record("m2", BOB)])
    with closing(sqlite3.connect(tmp_path / "memory.db")) as connection:
        with connection:
            connection.execute("UPDATE owners SET user = CAST(user || x'ff' AS BLOB)")
        assert await memory.forget(EVERYTHING) == 2
        assert connection.execute("SELECT count(*) FROM memories").fetchone() == (0,)
    await memory.aclose()


def test_what_is_nested_too_deep_is_none_of_what_was_written_out() -> None:
    """Stores whose records are one text say so of that memory, and their searches do not end with another error."""
    with pytest.raises(ValueError, match="nested too deep"):
        read_out("[" * 100_000)
