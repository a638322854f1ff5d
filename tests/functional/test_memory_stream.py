"""What is done with memories is on record, so that what was done behind the back of a store is told by `findings`."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sealed import FileHeads, SealedJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.adapters.memory.sealed import SealedMemory
from lightagent.adapters.memory.sqlite import SqliteMemory
from lightagent.adapters.registry import open_adapter
from lightagent.application.journals.copy import copy_journals
from lightagent.application.journals.verify import verify_journals
from lightagent.application.memory.memories import EVERYTHING
from lightagent.application.strict_json import read_json
from lightagent.domain.errors import StoreError
from lightagent.domain.journals.seals import seal_keys
from lightagent.domain.journals.streams import StreamQuery
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.memory.seals import memory_keys
from lightagent.domain.memory.stream import FindingKind
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore
from lightagent.ports.memory import OwnerSelection
from tests.docs.blocks import ROOT
from tests.support.journal_editor import MemoryEditor, RawStream
from tests.support.killed_recorder import OF_ANN as OF_BANK_ANN
from tests.support.killed_recorder import POINTS, memory_at, record_of
from tests.support.wrapped_journals import WrappedStore

SECRET, OTHER = "k" * 40, "o" * 40
ANN, BOB = MemoryOwner(tenant="acme", user="ann"), MemoryOwner(tenant="acme", user="bob")
OF_ANN = OwnerSelection(*ANN.parts)
TEXT: Final = "Ann's account is 1234."

Found: TypeAlias = set[tuple[FindingKind, str, str]]


def record(memory_id: str = "m1", owner: MemoryOwner = ANN, text: str = TEXT) -> MemoryRecord:
    return MemoryRecord(memory_id, owner, text, {"source": "user", "agent_name": "tutor"}, 5.0)


@dataclass(frozen=True, slots=True)
class Scene:
    """A sealed memory that is on record, and what a person with access to the database sees of it."""

    memory: SealedMemory
    store: SqliteMemory
    journal: JournalStore

    async def findings(self, selection: OwnerSelection = EVERYTHING) -> Found:
        found = [one async for one in self.memory.findings(selection)]
        assert all(one.text for one in found)
        return {(one.kind, one.owner.user, one.memory_id) for one in found}

    async def kept(self) -> Sequence[MemoryRecord]:
        return (await self.store.read(EVERYTHING, 1000)).records

    async def put_back(self, older: Sequence[MemoryRecord]) -> None:
        """Restore an older copy of the whole database."""
        await self.store.forget(EVERYTHING)
        await self.store.write(older)

    async def change(self, memory_id: str, change: Callable[[MemoryRecord], MemoryRecord]) -> None:
        [kept] = [one for one in await self.kept() if one.memory_id == memory_id]
        await self.store.forget(OwnerSelection(*kept.owner.parts), [memory_id])
        await self.store.write([change(kept)])

    async def keys(self) -> list[str]:
        return [stream.key.id for stream in (await self.journal.list(StreamQuery(kind="memory"))).streams]


class RecordingStore(WrappedStore):
    """A journal store that notes what it was asked for."""

    def __init__(self, inner: JournalStore) -> None:
        super().__init__(inner)
        self.calls: list[str] = []

    async def before(self, *, writes: bool) -> None:
        self.calls.append("append" if writes else "read")


def scene(place: Path, journal: JournalStore, keys: Mapping[str, str] | None = None, current: str = "") -> Scene:
    store = SqliteMemory(place / "memory.db")
    return Scene(SealedMemory(store, memory_keys("bank", keys or {"k1": SECRET}, current), journal), store, journal)


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[Scene]:
    """Three memories of Ann and one of Bob."""
    made = scene(tmp_path, MemoryJournalStore())
    await made.memory.write([record(), record("m2"), record("m3")])
    await made.memory.write([record("b1", BOB, "Bob's account is 5678.")])
    yield made
    await made.memory.aclose()


async def edited(bank: Scene) -> None:
    await bank.change("m1", lambda kept: replace(kept, text="Ann's account is 6666."))


async def planted(bank: Scene) -> None:
    await bank.store.write([record("m9", text="Ann's account is 6666.")])


async def planted_with_a_seal(bank: Scene) -> None:
    [kept] = [one for one in await bank.kept() if one.memory_id == "m1"]
    await bank.store.write([replace(kept, memory_id="m9")])


async def moved_to_bob(bank: Scene) -> None:
    await bank.change("m1", lambda kept: replace(kept, owner=BOB))


async def removed(bank: Scene) -> None:
    await bank.store.forget(OF_ANN, ["m2"])


async def all_removed(bank: Scene) -> None:
    await bank.store.forget(OF_ANN)


async def rolled_back(bank: Scene) -> None:
    older = await bank.kept()
    await bank.memory.forget(OF_ANN, ["m1"])
    await bank.memory.write([record("m1", text="Ann's account was closed."), record("m4")])
    await bank.put_back(older)


async def forgotten_and_put_back(bank: Scene) -> None:
    older = await bank.kept()
    await bank.memory.forget(OF_ANN, ["m2"])
    await bank.put_back(older)


async def erased_and_put_back(bank: Scene) -> None:
    older = await bank.kept()
    await bank.memory.forget(OF_ANN)
    await bank.put_back(older)


async def erased_written_again_and_put_back(bank: Scene) -> None:
    older = await bank.kept()
    await bank.memory.forget(OF_ANN)
    await bank.memory.write([record("m1", text="Ann is back.")])
    await bank.put_back(older)


async def stream_removed(bank: Scene) -> None:
    for stream in (await bank.journal.list(StreamQuery(kind="memory"))).streams:
        await bank.journal.forget(stream.key)


ATTACKS: Final[Mapping[Callable[[Scene], Awaitable[None]], Found]] = {
    edited: {("edited", "ann", "m1")},
    planted: {("forged", "ann", "m9")},
    planted_with_a_seal: {("replayed", "ann", "m9")},
    moved_to_bob: {("replayed", "bob", "m1"), ("missing", "ann", "m1")},
    removed: {("missing", "ann", "m2")},
    all_removed: {("missing", "ann", one) for one in ("m1", "m2", "m3")},
    rolled_back: {("rolled_back", "ann", "m1"), ("missing", "ann", "m4")},
    forgotten_and_put_back: {("returned", "ann", "m2")},
    erased_and_put_back: {("returned", "ann", one) for one in ("m1", "m2", "m3")},
    erased_written_again_and_put_back: {
        ("rolled_back", "ann", "m1"),
        ("returned", "ann", "m2"),
        ("returned", "ann", "m3"),
    },
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
async def test_what_is_done_behind_the_back_of_the_store_is_told(
    bank: Scene, attack: Callable[[Scene], Awaitable[None]]
) -> None:
    assert await bank.findings() == set()
    await attack(bank)
    assert await bank.findings() == ATTACKS[attack]
    of_bob = {one for one in ATTACKS[attack] if one[1] == "bob"}
    assert await bank.findings(OwnerSelection(*BOB.parts)) == of_bob
    assert await bank.findings(OwnerSelection(user="ann")) == ATTACKS[attack] - of_bob
    assert await bank.findings(OwnerSelection(tenant="globex")) == set()


async def test_what_the_store_does_itself_is_no_fault(bank: Scene) -> None:
    await bank.memory.write([record(text="The same id again changes nothing.")])
    await bank.memory.forget(OF_ANN, ["m2", "m7"])
    await bank.memory.write([record("m2", text="It is there again.")])
    assert await bank.memory.forget(OwnerSelection(user="bob")) == 1
    assert await bank.findings() == set()
    await bank.memory.write([record("b1", BOB)])
    assert await bank.memory.forget(EVERYTHING) == 4
    assert await bank.findings() == set()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such signal")
async def test_a_kill_at_any_point_leaves_neither_an_alarm_nor_a_loss(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.support.killed_recorder", str(tmp_path)]
    said = await asyncio.to_thread(subprocess.run, command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.splitlines() == [f"{point}: {signal.SIGKILL.value}" for point in POINTS]
    left: dict[str, set[tuple[FindingKind, str]]] = {}
    for point in POINTS:
        memory, store = memory_at(tmp_path / point)
        left[point] = {(one.kind, one.memory_id) async for one in memory.findings()}
        known = {one.memory_id for one in (await store.read(EVERYTHING, 10)).records}
        # The next process carries on with what was under way.
        match POINTS[point][0]:
            case "write":
                assert known >= {"m1", "m2", "m3"}
                await memory.write([record_of("m4")])
            case "forget":
                assert known >= {"m1", "m3"}
                await memory.forget(OF_BANK_ANN, ["m2"])
            case _:
                await memory.forget(OF_BANK_ANN)
                await memory.write([record_of("m1")])
        assert [one async for one in memory.findings()] == []
        await memory.aclose()
    returned: set[tuple[FindingKind, str]] = {("returned", one) for one in ("m1", "m2", "m3")}
    assert left == {point: set() for point in POINTS} | {
        "write, before it is on record": {("unfinished", "m4")},
        # The caller has no answer yet, but an erasure that did not end has to be told all the same.
        "forget, before the store has done it": {("returned", "m2")},
        "erase, before the store has done it": returned,
    }


async def test_processes_that_write_and_forget_at_once_leave_no_alarm(tmp_path: Path) -> None:
    """Each has its own picture of where the stream ends."""
    journals = [SqliteJournalStore(tmp_path / "journal.db") for _ in range(3)]
    scenes = [scene(tmp_path, journal) for journal in journals]
    chance = random.Random(11)
    acknowledged = set[str]()

    async def work(number: int) -> None:
        memory = scenes[number % 3].memory
        for turn in range(6):
            name = f"{number}/{turn}"
            await memory.write([record(name)])
            acknowledged.add(name)
            if chance.random() < 0.3:
                acknowledged.discard(name)
                await memory.forget(OF_ANN, [name])

    await asyncio.gather(*map(work, range(9)))
    assert await scenes[0].findings() == set()
    assert {one.memory_id for one in await scenes[0].kept()} == acknowledged
    # Erasing lets no writer's memory pass for one that is still there.
    await asyncio.gather(*map(work, range(100, 106)), *(one.memory.forget(OF_ANN) for one in scenes))
    for one in scenes:
        assert await one.findings() == set()
        await one.memory.aclose()


async def test_an_edited_stream_is_told(tmp_path: Path) -> None:
    """Its seals are made with the key of the memory, so the journal store need not be sealed."""
    editor = MemoryEditor(tmp_path)
    bank = scene(tmp_path, editor.open())
    for name in ("m1", "m2", "m3"):
        await bank.memory.write([record(name)])
    await bank.memory.write([record("b1", BOB)])
    streams = {one.key: editor.take(one.key) for one in (await bank.journal.list(StreamQuery(kind="memory"))).streams}
    [raw] = [one for one in streams.values() if len(one.entries) == 4]
    [other] = [one for one in streams.values() if len(one.entries) == 2]
    begun, first, second, third = raw.entries
    edits = {
        "changed": raw.with_entries([begun, replace(first, content=first.content.replace("m1", "m9")), second, third]),
        "left out": raw.with_entries([begun, first, third]),
        "reordered": raw.with_entries([begun, first, third, second]),
        "repeated": raw.with_entries([begun, first, second, third, third]),
        "of another stream": raw.with_entries([begun, first, second, other.entries[-1]]),
        "no JSON": raw.with_entries([begun, first, second, replace(third, content="[]")]),
        "nested": raw.with_entries([begun, first, second, replace(third, content="[" * 100_000)]),
        "of a later release": raw.with_entries([begun, first, second, replace(third, schema=9)]),
        "cut off": raw.with_entries([begun, first, second]),
        "without entries": RawStream(replace(raw.info, base=4, seal=""), ()),
        "removed in front": RawStream(replace(raw.info, base=3), (third,)),
    }
    for edit, changed in edits.items():
        editor.put(changed)
        assert await bank.findings() == {("stream", "ann", "")}, edit
        if edit != "changed":  # A writer looks at the end alone.
            with pytest.raises(StoreError, match=r"(?i)stream"):
                await scene(tmp_path, editor.open()).memory.write([record("m5")])
        editor.put(raw)
    assert len(await bank.kept()) == 4  # Nothing was written that could not be put on record.
    assert await bank.findings() == set()


async def test_a_stream_that_is_put_back_or_deleted_is_told_by_the_memories_that_it_lacks(tmp_path: Path) -> None:
    editor = MemoryEditor(tmp_path)
    bank = scene(tmp_path, editor.open())
    await bank.memory.write([record("m1")])
    older = editor.copy()
    for name in ("m2", "m3", "m4"):
        await bank.memory.write([record(name)])
    newer = editor.copy()
    editor.restore(older)
    # That of the first of them would look the same had its writer been killed.
    assert await bank.findings() == {("unfinished", "ann", "m2"), ("unknown", "ann", "m3"), ("unknown", "ann", "m4")}
    for key in [stream.key for stream in (await bank.journal.list(StreamQuery())).streams]:
        editor.remove(key)
    assert await bank.findings() == {("unknown", "ann", one) for one in ("m1", "m2", "m3", "m4")}
    editor.restore(newer)
    assert await bank.findings() == set()


async def test_nothing_of_an_erased_owner_can_be_read_from_the_journal(bank: Scene) -> None:
    await bank.memory.write([record("ann-at-example.com", MemoryOwner("bank", "acme", "ann", "s-ann", "agent-ann"))])
    await bank.memory.forget(OwnerSelection(user="ann"))
    told = ""
    for stream in (await bank.journal.list(StreamQuery())).streams:
        found = await bank.journal.read(stream.key)
        if "bob" not in str(found):
            told += str(found)
            assert len(found.entries) == 1
            assert found.stream.key.owner == Scope("acme")
    assert "erased" in told
    for trace in ("ann", "account", "1234", "m1", "example"):
        assert trace not in told, trace


async def test_a_write_costs_one_append_and_no_read(bank: Scene) -> None:
    counting = RecordingStore(bank.journal)
    memory = SealedMemory(bank.store, memory_keys("bank", {"k1": SECRET}), counting)
    await memory.write([record("m4")])
    counting.calls.clear()
    await memory.write([record("m5"), record("m6")])
    assert counting.calls == ["append"]


async def test_keys_are_rotated_without_losing_a_stream(tmp_path: Path) -> None:
    journal = MemoryJournalStore()
    before = scene(tmp_path, journal)
    await before.memory.write([record()])
    after = scene(tmp_path, journal, {"k1": SECRET, "k2": OTHER}, "k2")
    await after.memory.write([record("m2"), record("b1", BOB)])
    await after.memory.forget(OF_ANN, ["m1"])
    await after.memory.write([record("m3")])
    swapped = scene(tmp_path, journal, {"k2": OTHER, "k1": SECRET}, "k2")
    await swapped.memory.write([record("m4")])
    for one in (after, swapped):
        assert await one.findings() == set()
    assert len(await after.keys()) == 2
    await after.store.forget(OF_ANN, ["m3"])
    assert await swapped.findings() == {("missing", "ann", "m3")}


async def test_stores_of_other_names_and_keys_share_a_journal(bank: Scene, tmp_path: Path) -> None:
    other = SqliteMemory(tmp_path / "other.db")
    shop = SealedMemory(other, memory_keys("shop", {"k1": SECRET}), bank.journal)
    await shop.write([record("s1")])
    await bank.memory.forget(EVERYTHING)
    assert [one async for one in shop.findings()] == []
    assert await bank.findings() == set()
    await other.aclose()


async def test_an_operator_may_declare_what_is_there_to_be_right(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightagent.adapters.memory._recording._ITEMS", 5)
    editor = MemoryEditor(tmp_path)
    bank = scene(tmp_path, editor.open())
    await SealedMemory(bank.store, memory_keys("bank", {"k1": SECRET})).write([record(f"old{n}") for n in range(12)])
    await bank.memory.write([record("m1"), record("m2")])
    assert ("unknown", "ann", "old7") in await bank.findings()
    await bank.store.forget(OF_ANN, ["m2"])
    await planted(bank)
    assert await bank.memory.adopt(OwnerSelection(user="ann")) == 13
    assert await bank.findings() == {("forged", "ann", "m9")}
    await bank.memory.forget(OF_ANN, ["m9"])
    older = await bank.kept()
    await bank.memory.forget(OF_ANN, ["old3", "m1"])
    await bank.memory.adopt()
    assert await bank.findings() == set()
    await bank.put_back(older)
    assert await bank.findings() == {("unknown", "ann", "old3"), ("returned", "ann", "m1")}
    await bank.memory.forget(OF_ANN, ["old3", "m1"])
    # A stream that was edited is begun anew.
    [key] = [stream.key for stream in (await bank.journal.list(StreamQuery())).streams]
    raw = editor.take(key)
    editor.put(raw.with_entries([*raw.entries[:-1], replace(raw.entries[-1], content="[]")]))
    assert ("stream", "ann", "") in await bank.findings()
    with pytest.raises(StoreError):
        await bank.memory.forget(OF_ANN)
    kept = len(await bank.kept())
    assert await bank.memory.adopt() == kept
    assert await bank.findings() == set()
    await bank.memory.write([record("m7")])
    assert await bank.findings() == set()


async def test_a_deleted_stream_is_told_where_heads_are_kept_elsewhere(tmp_path: Path) -> None:
    editor = MemoryEditor(tmp_path)
    heads = FileHeads(tmp_path / "heads", fsync=False)
    bank = scene(tmp_path, SealedJournalStore(editor.open(), seal_keys("bank", {"k1": OTHER}), heads))
    await bank.memory.write([record()])
    await bank.memory.write([record("b1", BOB)])
    assert await bank.findings() == set()
    [bobs, anns] = [stream.key for stream in (await bank.journal.list(StreamQuery())).streams]
    await bank.store.forget(OF_ANN)
    editor.remove(anns)
    assert await bank.findings() == {("stream", "", "")}
    editor.cut_tail(bobs)
    assert await bank.findings() == {("stream", "", ""), ("stream", "bob", "")}
    await bank.memory.adopt()
    assert await bank.findings() == {("stream", "", "")}
    await bank.journal.forget(anns)  # Only this tells the journal store that the stream is meant to be gone.
    assert await bank.findings() == set()


async def test_streams_move_to_another_journal_store(bank: Scene, tmp_path: Path) -> None:
    await bank.memory.forget(OF_ANN)
    await bank.memory.write([record("m5"), record("m6")])
    moved = SqliteJournalStore(tmp_path / "moved.db")
    await copy_journals(bank.journal, moved)
    there = scene(tmp_path, moved)
    assert await there.findings() == set()
    await there.memory.write([record("m7")])
    await removed(there)
    await there.store.forget(OF_ANN, ["m5"])
    assert await there.findings() == {("missing", "ann", "m5")}
    await there.memory.aclose()


async def test_an_entry_says_what_was_done_and_by_whom(bank: Scene) -> None:
    promoted: JsonObject = {"promotion_status": "promoted", "agent_name": "clerk"}
    await bank.memory.write([replace(record("c1"), metadata=promoted), record("m4")])
    await bank.memory.forget(OF_ANN, ["c1"])
    notes = list[JsonValue]()
    for stream in (await bank.journal.list(StreamQuery(kind="memory", tenant="acme"))).streams:
        notes += [read_json(entry.content) for entry in (await bank.journal.read(stream.key)).entries]
    of_ann = [note for note in notes if isinstance(note, dict) and note["owner"] == list(ANN.parts)]
    assert [(note["operation"], note["by"]) for note in of_ann[:4]] == [
        ("begun", ""),
        ("written", "tutor"),
        ("promoted", "clerk"),
        ("written", "tutor"),
    ]
    assert (of_ann[4]["operation"], of_ann[4]["items"]) == ("removed", [["c1", ""]])
    assert "account is" not in str(notes)


async def test_a_stream_that_is_gone_is_begun_anew_by_a_writer_who_knew_it(tmp_path: Path) -> None:
    """Such as when a tenant was forgotten in the journal store: what is older is told as not on record."""
    counting = RecordingStore(MemoryJournalStore())
    bank = scene(tmp_path, counting)
    for name in ("m1", "m2", "m3"):
        await bank.memory.write([record(name)])
    await bank.journal.forget(Scope("acme"))
    await bank.memory.write([record("m4")])
    counting.calls.clear()
    await bank.memory.write([record("m5")])
    assert counting.calls == ["append"]
    assert await bank.findings() == {("unknown", "ann", one) for one in ("m1", "m2", "m3")}


@pytest.mark.parametrize("kind", ["files", "sqlite", "encrypted", "sealed"])
async def test_any_journal_store_keeps_the_streams(tmp_path: Path, kind: str) -> None:
    sqlite: JsonObject = {"kind": "sqlite", "path": str(tmp_path / "journals.db")}
    keys: JsonObject = {"k1": OTHER}
    options: Mapping[str, JsonObject] = {
        "files": {"directory": str(tmp_path / "journals")},
        "sqlite": {"path": sqlite["path"]},
        "encrypted": {"keys": keys, "store": sqlite},
        "sealed": {"name": "bank", "keys": keys, "store": sqlite},
    }
    journal = open_adapter("journals", kind, options[kind])
    assert isinstance(journal, JournalStore)
    bank = scene(tmp_path, journal)
    await bank.memory.write([record("m1"), record("m2"), record("m3")])
    await bank.memory.forget(OF_ANN, ["m1"])
    await removed(bank)
    assert await bank.findings() == {("missing", "ann", "m2")}
    await bank.memory.forget(OF_ANN)
    await bank.memory.write([record("m1")])
    assert await bank.findings() == set()
    assert [fault async for fault in verify_journals(journal)] == []
    await bank.memory.aclose()


class SlowStore(SqliteMemory):
    """A store that removes memories once it may."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.is_asked, self.may, self.has_written = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def write(self, records: Sequence[MemoryRecord]) -> None:
        await super().write(records)
        self.has_written.set()

    async def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None = None) -> int:
        self.is_asked.set()
        await self.may.wait()
        return await super().forget(selection, memory_ids)


@pytest.mark.parametrize("before", [True, False], ids=["begun before", "begun meanwhile"])
async def test_a_write_while_memories_are_being_removed_is_there_afterwards(tmp_path: Path, before: bool) -> None:
    """It waits, or is written again: what is acknowledged last is not lost to a removal that began earlier."""
    store, other = SlowStore(tmp_path / "memory.db"), SlowStore(tmp_path / "memory.db")
    keys, journal = memory_keys("bank", {"k1": SECRET}), MemoryJournalStore()
    memory = SealedMemory(store, keys, journal)
    writer = SealedMemory(other, keys, journal) if before else memory
    await writer.write([record("m1")])
    other.has_written.clear()
    removal = asyncio.create_task(memory.forget(OF_ANN))
    await store.is_asked.wait()
    writing = asyncio.create_task(writer.write([record("m2")]))
    if before:  # It knows of no removal, and writes before the memories are removed.
        await other.has_written.wait()
    else:
        await asyncio.sleep(0.1)
    assert not writing.done()
    store.may.set()
    await asyncio.gather(removal, writing)
    assert [one.memory_id for one in (await store.read(EVERYTHING, 10)).records] == ["m2"]
    assert [one async for one in memory.findings()] == []
    await memory.aclose()
    await other.aclose()
