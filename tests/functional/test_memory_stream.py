"""What is done with memories is on record, so that what was done behind the back of a store is told by `findings`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.memory.sealed import SealedMemory
from lightagent.adapters.memory.sqlite import SqliteMemory
from lightagent.domain.journal_streams import StreamQuery
from lightagent.domain.memory_records import MemoryOwner, MemoryRecord
from lightagent.domain.memory_seals import memory_keys
from lightagent.domain.memory_stream import FindingKind
from lightagent.ports.journals import JournalStore
from lightagent.ports.memory import OwnerSelection

SECRET, OTHER = "k" * 40, "o" * 40
ANN, BOB = MemoryOwner(tenant="acme", user="ann"), MemoryOwner(tenant="acme", user="bob")
OF_ANN = OwnerSelection(*ANN.parts)
EVERYBODY = OwnerSelection()
TEXT: Final = "Ann's account is 1234."

Found: TypeAlias = set[tuple[FindingKind, str, str]]


def record(memory_id: str = "m1", owner: MemoryOwner = ANN, text: str = TEXT) -> MemoryRecord:
    return MemoryRecord(memory_id, owner, text, {"source": "user", "agent_name": "tutor"}, 5.0)


@dataclass(frozen=True, slots=True)
class Scene:
    """A sealed memory that is on record, and what somebody with access to the database sees of it."""

    memory: SealedMemory
    store: SqliteMemory
    journal: JournalStore

    async def findings(self, selection: OwnerSelection = EVERYBODY) -> Found:
        found = [one async for one in self.memory.findings(selection)]
        assert all(one.text for one in found)
        return {(one.kind, "" if one.owner is None else one.owner.user, one.memory_id) for one in found}

    async def kept(self) -> Sequence[MemoryRecord]:
        return (await self.store.read(EVERYBODY, 100)).records

    async def put_back(self, older: Sequence[MemoryRecord]) -> None:
        """Restore an older copy of the whole database."""
        await self.store.forget(EVERYBODY)
        await self.store.write(older)

    async def change(self, memory_id: str, change: Callable[[MemoryRecord], MemoryRecord]) -> None:
        [kept] = [one for one in await self.kept() if one.memory_id == memory_id]
        await self.store.forget(OwnerSelection(*kept.owner.parts), [memory_id])
        await self.store.write([change(kept)])

    async def keys(self) -> list[str]:
        return [stream.key.id for stream in (await self.journal.list(StreamQuery(kind="memory"))).streams]


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
    assert await bank.memory.forget(EVERYBODY) == 4
    assert await bank.findings() == set()
