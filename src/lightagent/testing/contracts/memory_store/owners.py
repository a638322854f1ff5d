"""Nothing of one owner is found, read or forgotten by another, whatever their names are."""

from __future__ import annotations

from itertools import product
from random import Random

from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.ports.memory import MemoryStore, OwnerSelection
from lightagent.testing.contracts.memory_store.base import ANYTHING, Play, StoreUnderTest, memory, read_all, recalled

PARTS = (
    "",
    "a",
    "a:b",
    "b",
    ":",
    "a%3Ab",
    "%",
    "A",
    "\u0430",
    "a ",
    "a\x00",
    "\ud83d",
    "a_1",
    "1",
    "*",
    "é",
    "e\u0301",
    "\U0001f600",
    "\ud83d\ude00",
)
"""Parts of owners: separators, look-alikes (one is Cyrillic), and what is nearly the same. The last one has both halves
of the surrogate pair of the one before it, as chunks of a stream give them."""

WORDS = ("tea", "coffee", "water", "honey", "lemon", "绿茶", "sugar")
SEEDS = 3


class OwnersContract(StoreUnderTest):
    """Owners."""

    def test_owners_that_look_alike_share_nothing(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            owners = [MemoryOwner(*parts) for parts in _alike()]
            await store.write([memory(str(place), f"tea of {place}", owner) for place, owner in enumerate(owners)])
            for place, owner in enumerate(owners):
                assert await recalled(store, "tea", owner) == [f"tea of {place}"]
                if "read" in store.supports:
                    (record,) = await read_all(store, OwnerSelection(*owner.parts))
                    assert (record.owner, record.text) == (owner, f"tea of {place}")

        play(story)

    def test_an_id_of_somebody_else_is_free(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            owners = [MemoryOwner(user=part) for part in PARTS]
            for owner in owners:
                await store.write([memory("m1", f"tea of {owner.user_id}", owner)])
            for owner in owners:
                assert await recalled(store, "tea", owner) == [f"tea of {owner.user_id}"]

        play(story)

    def test_what_random_owners_do_comes_to_what_it_should(self, play: Play) -> None:
        for seed in range(SEEDS):
            self._walk(play, Random(seed), self.steps // SEEDS)

    def _walk(self, play: Play, chance: Random, steps: int) -> None:
        async def story(store: MemoryStore) -> None:
            known: dict[tuple[MemoryOwner, str], MemoryRecord] = {}
            for step in range(steps):
                owner = MemoryOwner(*(chance.choice(PARTS[:6]) if chance.random() < 0.5 else "" for _ in range(5)))
                does = chance.random()
                if does < 0.5:
                    record = memory(f"m{chance.randrange(9)}", _sentence(chance, step), owner, at=float(step))
                    await store.write([record])
                    known.setdefault((owner, record.memory_id), record)
                elif does < 0.85:
                    own = {record.text for (whose, _), record in known.items() if whose == owner}
                    query = chance.choice(WORDS)
                    found = await recalled(store, query, owner, ANYTHING, 10)
                    assert set(found) <= own
                    assert len(found) >= min(10, sum(query in text for text in own))
                elif does < 0.93 and "read" in store.supports:
                    selection = _selection(chance, owner)
                    wanted = [record for (whose, _), record in known.items() if selection.holds(whose)]
                    assert list(await read_all(store, selection, page=7)) == wanted
                elif "forget" in store.supports:
                    selection = _selection(chance, owner)
                    names = [f"m{chance.randrange(9)}"] if chance.random() < 0.7 else None
                    gone = [key for key in known if selection.holds(key[0]) and (names is None or key[1] in names)]
                    assert await store.forget(selection, names) == len(gone)
                    for key in gone:
                        del known[key]
            if "forget" in store.supports:
                await store.forget(OwnerSelection())

        play(story, "ids")


def _alike() -> list[tuple[str, ...]]:
    """Owners whose parts, put together in some way, give the same text."""
    few = ("", "a", ":", "a:b", "b", "%", "a%3Ab")
    pairs = [(first, "", second, "", "") for first, second in product(few, few)]
    places = [tuple(PARTS[1] if place == one else "" for place in range(5)) for one in range(5)]
    users = [("", "", part, "", "") for part in PARTS]
    return list(dict.fromkeys((*pairs, *places, *users)))


def _sentence(chance: Random, step: int) -> str:
    return f"{chance.choice(WORDS)} and {chance.choice(WORDS)} at {step}"


def _selection(chance: Random, owner: MemoryOwner) -> OwnerSelection:
    return OwnerSelection(*(part if chance.random() < 0.7 else None for part in owner.parts))
