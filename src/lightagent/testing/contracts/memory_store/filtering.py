"""What a filter keeps out is not found, and crowds nothing out."""

from __future__ import annotations

import pytest

from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.ports.memory import MemoryStore
from lightagent.testing.contracts.memory_store.base import ANN, NOW, Play, StoreUnderTest, memory, recalled

USER: JsonObject = {"source": "user", "scope": "user", "agent_name": "tutor", "trust_level": "verified"}
_ELSEWHERE: JsonObject = {"a": {"b'\"$[0]": "x'; --"}}
CASES: dict[str, tuple[RecallFilter, JsonObject, JsonObject]] = {
    "source": (RecallFilter(NOW, sources=("user", "tool's")), USER, USER | {"source": "trace", "injectable": True}),
    "scope": (RecallFilter(NOW, scopes=("user",)), USER, USER | {"scope": "session"}),
    "agent": (RecallFilter(NOW, agent_names=("tutor",)), USER, USER | {"agent_name": "tutor2"}),
    "no agent": (RecallFilter(NOW, agent_names=("tutor",)), USER, {"source": "user", "scope": "user"}),
    "trust": (RecallFilter(NOW, trust_levels=("verified",)), USER, USER | {"trust_level": "Verified"}),
    "confidence": (RecallFilter(NOW, min_confidence=0.5), USER | {"confidence": 0.5}, USER | {"confidence": 0.49}),
    "no confidence": (RecallFilter(NOW, min_confidence=0.0), USER | {"confidence": 0}, USER),
    "expired": (RecallFilter(NOW), USER | {"expires_at": NOW + 1}, USER | {"expires_at": NOW}),
    "expired long ago": (RecallFilter(NOW), USER, USER | {"expires_at": "1970-01-02T00:00:00+00:00"}),
    "expires at no time": (RecallFilter(NOW), USER, USER | {"expires_at": "tomorrow"}),
    "expired by another name": (RecallFilter(NOW), USER | {"expiresAt": NOW + 1}, USER | {"expiresAt": NOW - 1}),
    "over by another name": (RecallFilter(NOW), USER | {"validUntil": NOW + 1}, USER | {"validUntil": NOW}),
    "not yet, by another name": (RecallFilter(NOW), USER | {"validFrom": NOW}, USER | {"validFrom": NOW + 1}),
    "expired by one of two names": (
        RecallFilter(NOW),
        USER | {"expires_at": NOW + 1, "expiresAt": NOW + 2},
        USER | {"expires_at": NOW + 1, "expiresAt": NOW - 1},
    ),
    "over by one of two names": (
        RecallFilter(NOW),
        USER | {"valid_until": NOW + 1, "validUntil": NOW + 2},
        USER | {"valid_until": NOW + 1, "validUntil": "soon"},
    ),
    "not yet, by one of two names": (
        RecallFilter(NOW),
        USER | {"valid_from": 1, "validFrom": "1970-01-01"},
        USER | {"valid_from": 1, "validFrom": NOW + 1},
    ),
    "confidence by two names": (
        RecallFilter(NOW, min_confidence=0.5),
        USER | {"confidence": 0.9, "trust_score": 0.5},
        USER | {"confidence": 0.9, "trust_score": 0.4},
    ),
    "two sources": (
        RecallFilter(NOW, sources=("user",)),
        USER | {"memory_source": "user"},
        USER | {"memory_source": "web"},
    ),
    "over at an unreadable time, long ago": (
        RecallFilter(NOW, valid_at=-1e9),
        USER | {"valid_until": -1e8},
        USER | {"valid_until": "one day"},
    ),
    "times of any size": (
        RecallFilter(10**30, valid_at=10**30, min_confidence=-(10**30)),
        USER | {"confidence": 1},
        USER,
    ),
    "trust by another name": (
        RecallFilter(NOW, trust_levels=("verified",)),
        {"source": "user", "scope": "user", "trust": "verified"},
        {"source": "user", "scope": "user", "trust": "low"},
    ),
    "for ever": (RecallFilter(NOW, needs_expiry=True), USER | {"expires_at": NOW + 1}, USER),
    "candidate": (RecallFilter(NOW, with_internal=True), USER, USER | {"promotion_status": "candidate"}),
    "not injectable": (RecallFilter(NOW, with_internal=True), USER, USER | {"injectable": False}),
    "of its own work": (RecallFilter(NOW), USER, USER | {"source": "reflection"}),
    "metadata": (
        RecallFilter(NOW, metadata={"topic": "a", "page": 2}),
        USER | {"topic": "a", "page": 2},
        USER | {"topic": "a", "page": 3},
    ),
    "metadata that is not there": (RecallFilter(NOW, metadata={"topic": None}), USER | {"topic": None}, USER),
    "metadata of odd names": (
        RecallFilter(NOW, metadata={"a.b'\"$[0]": "x'; --"}),
        USER | {"a.b'\"$[0]": "x'; --"},
        USER | _ELSEWHERE,
    ),
    "none at all": (RecallFilter(NOW, sources=("user",)), USER, USER | {"source": ""}),
}
"""A filter, the metadata of a record that it lets through, and those of one that it does not."""


class FilteringContract(StoreUnderTest):
    """Filters."""

    @pytest.mark.parametrize("case", CASES)
    def test_a_filter_is_within_the_search(self, play: Play, case: str) -> None:
        wanted, let_through, kept_out = CASES[case]

        async def story(store: MemoryStore) -> None:
            nearer = [memory(f"out{number}", "green tea", metadata=kept_out) for number in range(120)]
            await store.write(
                [*nearer, memory("in", "Of green things, tea and more I like moss.", metadata=let_through)]
            )
            assert await recalled(store, "green tea", wanted=wanted) == ["Of green things, tea and more I like moss."]

        play(story, "filter")

    def test_internal_memories_are_found_where_they_are_wanted(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            await store.write([memory("m", "green tea", metadata=USER | {"source": "reflection"})])
            await store.write([memory("n", "green tea", metadata=USER | {"source": "agent", "injectable": True})])
            assert len(await recalled(store, "green tea", wanted=RecallFilter(NOW, with_internal=True))) == 2
            assert len(await recalled(store, "green tea", wanted=RecallFilter(NOW))) == 1

        play(story, "filter")

    def test_a_filter_may_ask_for_many_keys(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            many: JsonObject = {f"key {number}": number for number in range(1_100)}
            await store.write([memory("in", "green tea", metadata=USER | many)])
            await store.write([memory("out", "green tea", metadata=USER | many | {"key 7": 8})])
            found = await store.recall(ANN, "green tea", 5, RecallFilter(NOW, metadata=many))
            assert [one.fields["key 7"] for one in found] == [7]

        play(story, "filter")

    def test_an_empty_list_lets_nothing_through(self, play: Play) -> None:
        async def story(store: MemoryStore) -> None:
            await store.write([memory("m", "green tea")])
            for wanted in (RecallFilter(NOW, sources=()), RecallFilter(NOW, trust_levels=())):
                assert await recalled(store, "green tea", wanted=wanted) == []

        play(story, "filter")
