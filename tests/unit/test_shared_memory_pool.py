"""The pool that agents share: used by programs and by agents, over any store."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightagent import ConfigurationError, InProcessMemory, MemoryOwner, MemoryRecord, MemoryScope, SharedMemoryPool
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import FoundMemory
from lightagent.ports.memory import OwnerSelection

USERS = st.text(alphabet="ab:%3A25 é", max_size=6)


def test_records_belong_to_the_user_they_were_stored_for() -> None:
    pool = SharedMemoryPool(agent_name="writer")
    told = pool.store("Alice prefers quiet beach towns", user_id="alice")
    pool.store("Bob prefers crowded ski resorts", user_id="bob")
    (found,) = pool.retrieve("quiet beach", user_id="alice")["results"]
    assert (found["memory"], found["user_id"]) == ("Alice prefers quiet beach towns", "alice")
    assert found["memory_id"] == told["memory_id"]
    assert found["metadata"] == {"source": "user", "scope": "user", "agent_name": "writer", "user_id": "alice"}
    assert pool.retrieve("crowded ski resorts", user_id="alice") == {"results": []}


def test_nothing_is_overwritten_and_the_best_comes_first() -> None:
    pool = SharedMemoryPool(max_results=2)
    ids = {str(pool.store(text, user_id="alice")["memory_id"]) for text in ["a graph of tests", "graph"] * 2}
    pool.store("python graph and graph again", user_id="alice")
    assert (len(pool), len(ids)) == (5, 4)
    found = pool.retrieve("python graph", user_id="alice")["results"]
    assert found[0]["memory"] == "python graph and graph again"
    assert len(found) == 2
    assert len(pool.retrieve("graph", user_id="alice", limit=4)["results"]) == 4
    assert pool.retrieve("graph", user_id="alice", limit=0) == {"results": []}


def test_a_query_without_words_gives_the_newest() -> None:
    pool = SharedMemoryPool(max_results=2)
    for number in range(4):
        pool.store(f"note {number}", user_id="alice")
    assert [one["memory"] for one in pool.retrieve("?", user_id="alice")["results"]] == ["note 3", "note 2"]


def test_records_are_chosen_by_where_they_come_from() -> None:
    pool = SharedMemoryPool()
    pool.store("user approved the name", user_id="u", metadata={"agent_name": "writer"})
    pool.store("reflection about the name", user_id="u", scope=MemoryScope.reflection(agent_name="critic"))
    expected = ["reflection about the name"]
    found = (
        pool.retrieve("name", "u", source="reflection"),
        pool.retrieve("name", "u", scope="agent"),
        pool.retrieve("name", "u", agent_name="critic"),
    )
    assert [[one["memory"] for one in each["results"]] for each in found] == [expected] * 3
    listed = (pool.list_records(source="reflection"), pool.list_records(scope="agent", agent_name="critic"))
    assert [[one["memory"] for one in each] for each in listed] == [expected] * 2


def test_a_pool_is_emptied_for_one_user_or_for_all() -> None:
    pool = SharedMemoryPool()
    for user in ("a", "a", "b"):
        pool.store("text", user_id=user)
    assert pool.clear(user_id="a") == 2
    assert [one["user_id"] for one in pool.list_records()] == ["b"]
    assert pool.clear() == 1
    assert len(pool) == 0
    assert pool, "an empty pool is a pool"


def test_metadata_is_plain_json() -> None:
    with pytest.raises(ConfigurationError, match="metadata"):
        SharedMemoryPool().store("text", user_id="u", metadata={"a": object()})


def test_threads_write_and_read_at_once() -> None:
    pool = SharedMemoryPool()

    def work(user: str) -> None:
        for number in range(25):
            pool.store(f"fact {number} of {user}", user_id=user)
            assert all(one["user_id"] == user for one in pool.retrieve("fact", user_id=user)["results"])

    threads = [threading.Thread(target=work, args=(f"user{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(pool) == 200
    assert len(pool.list_records(user_id="user3")) == 25


async def test_agents_and_programs_see_the_same_records() -> None:
    pool = SharedMemoryPool()
    owners = [
        MemoryOwner(user="al"),
        MemoryOwner("ns", user="al"),
        MemoryOwner("ns", "t", "al"),
        MemoryOwner("ns", "t", "al", "s", "agent"),
        MemoryOwner(user="ns:al"),
    ]
    await pool.write([MemoryRecord(str(place), owner, "one fact") for place, owner in enumerate(owners)])
    for place, owner in enumerate(owners):
        (record,) = pool.list_records(user_id=owner.user_id)
        assert record["memory_id"] == str(place)
    page = await pool.read(OwnerSelection(), 10)
    assert [record.owner for record in page.records] == owners
    assert await pool.forget(OwnerSelection(namespace="ns", user="al")) == 3
    assert [record.owner for record in (await pool.read(OwnerSelection(), 10)).records] == [owners[0], owners[4]]
    assert await pool.forget(OwnerSelection(*owners[4].parts)) == 1


async def test_what_others_keep_in_the_same_store_is_not_the_pools() -> None:
    store = InProcessMemory()
    other = MemoryRecord("1", MemoryOwner(tenant="globex", user="alice"), "Alice of Globex likes tea")
    await store.write([other])
    pool = SharedMemoryPool(over=store)
    pool.store("Alice likes coffee", "alice")
    assert [one["memory"] for one in pool.list_records(user_id="alice")] == ["Alice likes coffee"]
    assert [one["memory"] for one in pool.retrieve("", "alice")["results"]] == ["Alice likes coffee"]
    assert len(pool) == 1
    assert [one.text for one in (await pool.read(OwnerSelection(user="alice"), 10)).records] == ["Alice likes coffee"]
    assert (pool.clear(user_id="alice"), pool.clear()) == (1, 0)
    pool.store("Alice likes coffee", "alice")
    assert await pool.forget(OwnerSelection()) == 1
    assert (await store.read(OwnerSelection(), 10)).records == (other,)


def test_none_is_no_user() -> None:
    pool = SharedMemoryPool()
    forgotten: Any = None
    for use in (lambda: pool.store("tea", forgotten), lambda: pool.retrieve("tea", forgotten)):
        with pytest.raises(ConfigurationError, match="no user_id"):
            use()
    assert len(pool) == 0


@pytest.mark.parametrize("query", ["tea", "", "?!"])
def test_what_must_not_reach_a_model_is_not_found_by_any_query(query: str) -> None:
    pool = SharedMemoryPool()
    pool.store("candidate tea", "a", metadata={"promotion_status": "candidate"})
    pool.store("withheld tea", "a", metadata={"injectable": False})
    pool.store("expired tea", "a", metadata={"expires_at": 1})
    pool.store("green tea", "a")
    assert [one["memory"] for one in pool.retrieve(query, "a")["results"]] == ["green tea"]


def test_a_pool_may_stand_before_any_store() -> None:
    store = InProcessMemory()
    SharedMemoryPool(over=store).store("one fact", user_id="ns:al")
    assert [one["user_id"] for one in SharedMemoryPool(over=store).retrieve("fact", "ns:al")["results"]] == ["ns:al"]


async def test_a_store_that_gives_the_records_of_others_is_not_believed() -> None:
    """The pool tells whose they are, so that a policy keeps them out; a program is not given them at all."""

    class Lying(InProcessMemory):
        async def recall(
            self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter
        ) -> Sequence[FoundMemory]:
            return [record.found() for record in (await self.read(OwnerSelection(), 10)).records]

    pool = SharedMemoryPool(over=Lying())
    pool.store("Bob earns 90,000.", user_id="bob")
    pool.store("Alice likes tea.", user_id="alice")
    assert [one["memory"] for one in pool.retrieve("What?", "alice")["results"]] == ["Alice likes tea."]
    found = await pool.recall(MemoryOwner(user="alice"), "What?", 5, RecallFilter(now=0.0))
    assert [(one.text, one.fields["user_id"]) for one in found] == [
        ("Bob earns 90,000.", "bob"),
        ("Alice likes tea.", "alice"),
    ]


def test_a_pool_over_what_is_no_store_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="over="):
        SharedMemoryPool(over="memory.db")  # type: ignore[arg-type]


@settings(max_examples=30, deadline=None)
@given(st.lists(USERS, min_size=2, max_size=6, unique=True))
def test_no_two_texts_are_one_user(users: list[str]) -> None:
    pool = SharedMemoryPool()
    for user in users:
        pool.store("the same fact", user_id=user)
    for user in users:
        assert [one["user_id"] for one in pool.list_records(user_id=user)] == [user]
        assert [one["user_id"] for one in pool.retrieve("fact", user_id=user)["results"]] == [user]
    asyncio.run(pool.forget(OwnerSelection(user=users[0])))
