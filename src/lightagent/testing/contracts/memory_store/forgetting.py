"""What is forgotten is gone, and nothing else is."""

from __future__ import annotations

import pytest

from lightagent.domain.memory.records import MemoryOwner
from lightagent.ports.memory import MemoryStore, OwnerSelection
from lightagent.testing.contracts.memory_store.base import (
    ANN,
    BOB,
    EVERYBODY,
    Play,
    StoreUnderTest,
    memory,
    read_all,
    recalled,
)

OWNERS = (
    ANN,
    BOB,
    MemoryOwner("bank", "acme", "ann", "monday"),
    MemoryOwner("bank", "acme", "ann", "", "tutor"),
    MemoryOwner("bank", "other", "ann"),
    MemoryOwner("shop", "acme", "ann"),
    MemoryOwner(),
)
SELECTIONS = (
    OwnerSelection("bank", "acme", "ann", "", ""),
    OwnerSelection(tenant="acme", user="ann"),
    OwnerSelection(tenant="acme"),
    OwnerSelection(user=""),
    OwnerSelection(session="monday"),
    OwnerSelection(agent="tutor"),
    OwnerSelection(namespace="bank", user="ann"),
    OwnerSelection("bank", "acme", "nobody"),
    EVERYBODY,
)


class ForgettingContract(StoreUnderTest):
    """Erasure."""

    @pytest.mark.parametrize("selection", SELECTIONS)
    def test_a_selection_is_forgotten_and_nothing_else(self, play: Play, selection: OwnerSelection) -> None:
        async def story(store: MemoryStore) -> None:
            records = [
                memory(f"{place}/{number}", f"the secret of number {number}", owner, at=float(number))
                for place, owner in enumerate(OWNERS)
                for number in range(3)
            ]
            await store.write(records)
            gone = [record for record in records if selection.holds(record.owner)]
            assert list(await read_all(store, selection, page=2)) == gone
            assert await store.forget(selection) == len(gone)
            assert await store.forget(selection) == 0
            assert list(await read_all(store)) == [record for record in records if record not in gone]
            for owner in OWNERS:
                found = await recalled(store, "secret", owner)
                assert len(found) == (0 if selection.holds(owner) else 3)

        play(story, "read", "forget")

    def test_single_memories_of_a_selection_are_forgotten(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            await store.write([memory(f"m{number}", f"secret {number}") for number in range(4)])
            await store.write([memory("m1", "secret of Bob", BOB)])
            ann = OwnerSelection(user="ann")
            assert await store.forget(ann, []) == 0
            assert await store.forget(ann, ["m1", "m3", "m1", "m9", "'"]) == 2
            assert [record.text for record in await read_all(store)] == ["secret 0", "secret 2", "secret of Bob"]
            assert sorted(await recalled(store, "secret")) == ["secret 0", "secret 2"]
            assert await recalled(store, "secret", BOB) == ["secret of Bob"]

        play(story, "read", "forget", "ids")

    def test_what_was_forgotten_can_be_written_again(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            await store.write([memory("m1", "I like green tea.")])
            assert await store.forget(OwnerSelection(user="ann")) == 1
            assert await recalled(store, "tea") == []
            await store.write([memory("m1", "I like black tea.")])
            assert await recalled(store, "tea") == ["I like black tea."]
            assert [record.text for record in await read_all(store)] == ["I like black tea."]

        play(story, "read", "forget", "ids")
