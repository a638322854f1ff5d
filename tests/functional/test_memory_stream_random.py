"""What is done through a recorded memory raises no alarm, and what is done behind its back is told exactly.

Random owners, ids, removals, erasures and adoptions come first; then a person with access to the database deletes,
edits, moves, renames and puts back. What differs from the acknowledged state, and nothing else, must be found.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

import pytest

from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.memory.process import InProcessMemory
from lightagent.adapters.memory.sealed import SealedMemory
from lightagent.application.memory.memories import EVERYTHING
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.memory.seals import memory_keys
from lightagent.ports.memory import OwnerSelection

GAMES = max(2, int(os.environ.get("TEST_GENERATED_RUNS", "0")) // 10)
STEPS, ATTACKS = 20, 20
OWNERS: Final = [
    MemoryOwner(namespace, tenant, user) for namespace in ("", "a:b") for tenant in ("", "acme") for user in ("ann", "")
]
SECRETS: Final = {"k1": "k" * 40, "k2": "o" * 40}

Name: TypeAlias = tuple[MemoryOwner, str]


@dataclass(slots=True)
class Game:
    """A store, two processes that write to it with different current keys, and what they were acknowledged."""

    chance: random.Random
    store: InProcessMemory = field(default_factory=InProcessMemory)
    truth: dict[Name, str] = field(default_factory=dict)
    copies: list[Sequence[MemoryRecord]] = field(default_factory=list)
    processes: list[SealedMemory] = field(default_factory=list)

    def __post_init__(self) -> None:
        journal = MemoryJournalStore()
        for current in SECRETS:
            self.processes.append(SealedMemory(self.store, memory_keys("bank", SECRETS, current), journal))

    async def kept(self) -> Sequence[MemoryRecord]:
        return (await self.store.read(EVERYTHING, 10_000)).records

    async def found(self) -> Mapping[Name, str]:
        memory = self.chance.choice(self.processes)
        found = [one async for one in memory.findings()]
        named = {(one.owner, one.memory_id): one.kind for one in found}
        assert len(named) == len(found)
        return named

    async def step(self, number: int) -> None:
        """Something that is done through the memory."""
        chance, memory = self.chance, self.chance.choice(self.processes)
        owner = chance.choice(OWNERS)
        selection = chance.choice(
            [
                OwnerSelection(*owner.parts),
                OwnerSelection(user=owner.user),
                OwnerSelection(owner.namespace, owner.tenant),
            ]
        )
        match chance.choices(["write", "forget", "erase", "adopt"], [55, 25, 15, 5])[0]:
            case "write":
                names = [(chance.choice([owner, chance.choice(OWNERS)]), f"m{chance.randrange(6)}") for _ in range(3)]
                await memory.write([MemoryRecord(name, whose, f"step {number}", {}, 1.0) for whose, name in names])
                for name in names:
                    self.truth.setdefault(name, f"step {number}")
            case "forget":
                ids = [f"m{chance.randrange(6)}" for _ in range(2)]
                await memory.forget(selection, ids)
                self._drop(lambda name: selection.holds(name[0]) and name[1] in ids)
            case "erase":
                await memory.forget(selection)
                self._drop(lambda name: selection.holds(name[0]))
            case _:
                await memory.adopt(selection)
        self.copies.append(await self.kept())

    async def attack(self) -> None:
        """Something that is done behind its back."""
        kept, older = await self.kept(), self.chance.choice(self.copies)
        match self.chance.randrange(6):
            case 0:
                await self.store.forget(EVERYTHING)
                await self.store.write(older)
            case 1 if older:
                await self._put(one := self.chance.choice(older), one)
            case 2 if kept:
                await self._put(one := self.chance.choice(kept), replace(one, text=f"{one.text}!"))
            case 3 if kept:
                await self.store.write([replace(self.chance.choice(kept), owner=self.chance.choice(OWNERS))])
            case 4 if kept:
                await self.store.write([replace(self.chance.choice(kept), memory_id=self.chance.choice("xyz"))])
            case _ if kept:
                await self._put(self.chance.choice(kept), None)
            case _:
                pass

    async def _put(self, old: MemoryRecord, new: MemoryRecord | None) -> None:
        await self.store.forget(OwnerSelection(*old.owner.parts), [old.memory_id])
        if new is not None:
            await self.store.write([new])

    def _drop(self, gone: Callable[[Name], bool]) -> None:
        for name in [name for name in self.truth if gone(name)]:
            del self.truth[name]


@pytest.mark.parametrize("seed", range(GAMES))
async def test_what_differs_from_what_was_acknowledged_is_found_and_nothing_else(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lightagent.adapters.memory._verifying._PAUSE", 0.0)
    game = Game(random.Random(seed))
    for number in range(STEPS):
        await game.step(number)
        assert await game.found() == {}
    right = {(one.owner, one.memory_id): one for one in await game.kept()}
    assert {name: one.text for name, one in right.items()} == game.truth
    for _ in range(ATTACKS):
        for _ in range(game.chance.randrange(1, 4)):
            await game.attack()
        there = {(one.owner, one.memory_id): one for one in await game.kept()}
        found = await game.found()
        assert found.keys() == {name for name in there.keys() | right.keys() if there.get(name) != right.get(name)}
        assert not {"unfinished", "unknown", "tampered"} & set(found.values())
        await game.store.forget(EVERYTHING)
        await game.store.write([*right.values()])
