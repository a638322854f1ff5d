"""Facts that hold for a while, and newer ones that take the place of older ones."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import islice, permutations
from random import Random

from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.recall_filter import RecallFilter, facts_of
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.memory.validity import ends_of, version_of
from lightagent.ports.memory import MemoryStore, OwnerSelection
from lightagent.testing.contracts.memory_store.base import (
    ANN,
    BOB,
    NOW,
    Play,
    StoreUnderTest,
    memory,
    read_all,
    recalled,
)

_USER: JsonObject = {"source": "user", "scope": "user"}
_TODAY = RecallFilter(NOW)
_OWN = OwnerSelection(*ANN.parts)
_HISTORY = RecallFilter(NOW, with_history=True)


def _fact(name: str, city: str, at: float, **said: object) -> MemoryRecord:
    metadata: JsonObject = dict(_USER)
    for key, value in said.items():
        if isinstance(value, (str, float, list)):
            metadata[key] = value
    return memory(name, f"My home is in {city}.", metadata=metadata, at=at)


def _then(moment: float) -> RecallFilter:
    return RecallFilter(NOW, valid_at=moment)


LONDON = _fact("london", "London", 10.0)
PARIS = _fact("paris", "Paris", 20.0, supersedes="london")
ROME = _fact("rome", "Rome", 30.0, supersedes=["london"])
OSLO = _fact("oslo", "Oslo", 40.0, supersedes=["rome", "london"], valid_from=35.0)


def _texts(*records: MemoryRecord) -> list[str]:
    return sorted(record.text for record in records)


class FactsContract(StoreUnderTest):
    """Facts."""

    def test_a_newer_fact_takes_the_place_of_an_older_one_and_both_are_kept(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            await store.write([LONDON])
            await store.write([PARIS])
            assert await recalled(store, "home", wanted=_TODAY) == [PARIS.text]
            assert await recalled(store, "home", wanted=_then(15.0)) == [LONDON.text]
            assert sorted(await recalled(store, "home", wanted=_HISTORY)) == _texts(LONDON, PARIS)
            if "read" in store.supports:
                assert list(await read_all(store)) == [LONDON, PARIS]

        play(story, "filter", "ids")

    def test_a_fact_holds_from_and_until_when_it_says(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            held = _fact("held", "Bern", 1.0, valid_from=100.0, valid_until="1970-01-01T00:03:20+00:00")
            await store.write([held, _fact("never", "Nowhere", 1.0, valid_from="soon")])
            await store.write([_fact("over", "Nowhere", 1.0, valid_until="later")])
            for moment, found in ((99.5, []), (100.0, [held.text]), (199.5, [held.text]), (200.0, []), (NOW, [])):
                assert await recalled(store, "home", wanted=_then(moment)) == found
            assert len(await recalled(store, "home", wanted=_HISTORY)) == 3

        play(story, "filter", "ids")

    def test_what_was_superseded_crowds_nothing_out(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            old = [memory(f"old{number}", "green tea", metadata=_USER) for number in range(120)]
            await store.write(old)
            named: JsonObject = {**_USER, "supersedes": [one.memory_id for one in old[:60]]}
            rest: JsonObject = {**_USER, "supersedes": [one.memory_id for one in old[60:]]}
            new = "Of green things, tea and more I like moss."
            await store.write(
                [memory("new", new, metadata=named, at=5.0), memory("rest", "green", metadata=rest, at=5.0)]
            )
            assert sorted(await recalled(store, "green tea", wanted=_TODAY)) == sorted([new, "green"])

        play(story, "filter", "ids")

    def test_one_of_those_who_correct_the_same_fact_holds_in_whatever_order_they_arrive(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            records = (LONDON, PARIS, ROME, OSLO)
            for number, order in enumerate(islice(permutations(records), None, None, 3)):
                owner = MemoryOwner("bank", "acme", f"user {number}")
                for one in order:
                    await store.write([replace(one, owner=owner)])
                for moment, held in ((5.0, LONDON), (25.0, PARIS), (32.0, ROME), (NOW, OSLO)):
                    assert await recalled(store, "home", owner, _then(moment)) == [held.text]

        play(story, "filter", "ids")

    def test_of_many_who_correct_a_fact_at_once_one_holds(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            cities = [_fact(f"c{number:02}", f"City{number}", 50.0, supersedes="london") for number in range(20)]
            await asyncio.gather(*(store.write([one]) for one in (*cities[:10], LONDON, *cities[10:])))
            assert await recalled(store, "home", wanted=_TODAY, limit=30) == [cities[-1].text]
            assert await recalled(store, "home", wanted=_then(49.0), limit=30) == [LONDON.text]
            assert len(await recalled(store, "home", wanted=_HISTORY, limit=30)) == 21

        play(story, "filter", "ids")

    def test_concurrent_corrections_and_removals_of_facts_all_succeed(self, play: Play) -> None:
        async def work(store: MemoryStore, chance: Random) -> None:
            names = [f"c{number}" for number in range(8)]
            for _ in range(12):
                if chance.random() < 0.25:
                    await store.forget(_OWN, chance.sample(names, 2))
                    continue
                superseded: list[object] = [*chance.sample(names, chance.randint(0, 3))]
                at = float(chance.randint(1, 6))
                await store.write([_fact(chance.choice(names), f"City{at}", at, supersedes=superseded)])

        async def story(store: MemoryStore) -> None:
            for seed in range(3):
                await asyncio.gather(*(work(store, Random(f"{seed} {place}")) for place in range(3)))
                left = await read_all(store)
                ends = ends_of(version_of(one.memory_id, one.metadata, one.written_at) for one in left)
                for moment in (0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0):
                    found = await store.recall(ANN, "home", 30, _then(moment))
                    assert sorted(str(one.fields["memory_id"]) for one in found) == sorted(
                        one.memory_id
                        for one in left
                        if _then(moment).fits(facts_of(one).superseded_at(ends.get(one.memory_id)), one.metadata)
                    )

        play(story, "filter", "ids", "read", "forget")

    def test_what_superseded_a_fact_and_is_forgotten_leaves_it_as_it_was(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            await store.write([LONDON, PARIS, ROME])
            assert await store.forget(_OWN, ["rome"]) == 1
            assert await recalled(store, "home", wanted=_TODAY) == [PARIS.text]
            assert await store.forget(_OWN, ["paris"]) == 1
            assert await recalled(store, "home", wanted=_TODAY) == [LONDON.text]
            await store.write([PARIS])
            assert await recalled(store, "home", wanted=_TODAY) == [PARIS.text]
            assert await store.forget(_OWN, ["london"]) == 1
            assert await recalled(store, "home", wanted=_HISTORY) == [PARIS.text]

        play(story, "filter", "ids", "forget")

    def test_nothing_of_another_owner_is_superseded(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            await store.write([LONDON, replace(PARIS, owner=BOB)])
            assert await recalled(store, "home", wanted=_TODAY) == [LONDON.text]
            assert await recalled(store, "home", BOB, _TODAY) == [PARIS.text]

        play(story, "filter", "ids")

    def test_what_no_model_may_see_takes_the_place_of_nothing(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            await store.write([LONDON, _fact("x", "Oslo", 20.0, supersedes="london", promotion_status="candidate")])
            await store.write([_fact("y", "Rome", 20.0, supersedes=["london"], source="reflection")])
            assert await recalled(store, "home", wanted=_TODAY) == [LONDON.text]

        play(story, "filter", "ids")

    def test_what_names_itself_or_nothing_that_is_there_is_a_fact_like_any_other(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            odd = [
                _fact("a", "Bonn", 1.0, supersedes="a"),
                _fact("b", "Bari", 1.0, supersedes=["", "nobody", "'\u0000"]),
            ]
            await store.write([*odd, _fact("c", "Brno", 1.0, supersedes=[])])
            assert len(await recalled(store, "home", wanted=_TODAY)) == 3

        play(story, "filter", "ids")
