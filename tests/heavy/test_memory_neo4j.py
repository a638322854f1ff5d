"""Memories in a real Neo4j server: what is found, what is kept apart, and what is left after forgetting."""

import asyncio
import sys
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from neo4j import GraphDatabase

from lightagent.adapters.embedding.hashing import HashingEmbedder
from lightagent.adapters.memory.neo4j import Neo4jMemory
from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.ports.embedding import Embedder
from lightagent.ports.memory import OwnerSelection
from tests.servers.neo4j import Neo4jServer

pytestmark = [pytest.mark.needs("java", "maven", "neo4j"), pytest.mark.timeout(300)]

ADA = MemoryOwner(tenant="acme", user="ada")
BOB = MemoryOwner(tenant="acme", user="bob")
EVERYTHING = RecallFilter(0.0)
ALL = OwnerSelection()
RELATION: JsonObject = {"subject": "Ada", "relation": "leads", "object": "Acme"}
ODD_TEXTS = [
    "",
    "\0",
    "a\\b \\u0041 \\",
    "\ud800 half",
    "caf\u00e9 cafe\u0301",
    "x" * 40_000,
    '" AND owner:* OR ]}',
    "😀",
]


def record(
    text: str, owner: MemoryOwner = ADA, memory_id: str = "", at: float = 0.0, **metadata: object
) -> MemoryRecord:
    plain: JsonObject = {name: value for name, value in metadata.items() if isinstance(value, (str, int, float, list))}
    return MemoryRecord(memory_id or uuid4().hex, owner, text, plain, at)


@pytest.fixture
async def memory(neo4j: Neo4jServer) -> AsyncIterator[Neo4jMemory]:
    store = opened(neo4j)
    yield store
    await store.aclose()


def opened(
    server: Neo4jServer, collection: str = "", embedder: Embedder | None = None, nearby: float = 0.0
) -> Neo4jMemory:
    """Where nothing is said, without what was merely written beside what fits."""
    return Neo4jMemory(
        server.url,
        nearby=nearby,
        collection=collection or f"test {uuid4().hex}",
        embedder=embedder,
        connection_timeout=120,
        statement_timeout=120,
    )


def rows(server: Neo4jServer, query: str, **parameters: object) -> list[list[object]]:
    """What the graph holds, past the store."""
    with GraphDatabase.driver(server.url) as driver, driver.session() as session:
        return [list(row.values()) for row in session.run(query, parameters)]


async def texts(store: Neo4jMemory, query: str, owner: MemoryOwner = ADA, limit: int = 5) -> list[str]:
    return [one.text for one in await store.recall(owner, query, limit, EVERYTHING)]


async def everything(store: Neo4jMemory, selection: OwnerSelection = ALL) -> list[MemoryRecord]:
    found: list[MemoryRecord] = []
    cursor: str | None = None
    while True:
        page = await store.read(selection, 3, cursor)
        found.extend(page.records)
        if (cursor := page.cursor) is None:
            return found


async def test_what_is_written_is_found_and_listed_as_it_was(memory: Neo4jMemory) -> None:
    written = [record(text, at=place, tag=text[:50]) for place, text in enumerate(ODD_TEXTS)]
    written += [record("Her favourite colour is green.", BOB), record("My favourite colour is blue.")]
    await memory.write(written)
    await memory.write(written[::-1])
    assert await everything(memory) == written
    assert await texts(memory, "favourite colours") == ["My favourite colour is blue."]
    assert [one.owner for one in await everything(memory, OwnerSelection(user="bob"))] == [BOB]


async def test_an_answer_is_found_from_entity_to_entity(memory: Neo4jMemory) -> None:
    """No word of the question stands in the memory that answers it."""
    await memory.write(
        [
            record("Ada Lovelace joined Acme in spring."),
            record("Acme sits in Zurich."),
            record("Bob likes tea.", entities=["Bob"]),
            record("She met Carl.", relations=[{"subject": "Ada Lovelace", "relation": "met", "object": "Carl"}]),
            record("Carl plays chess."),
            record("Acme sits in Rome.", BOB),
        ]
    )
    found = await texts(memory, "Where is Ada Lovelace's employer?")
    assert found[0] == "Ada Lovelace joined Acme in spring."
    assert set(found) == {found[0], "Acme sits in Zurich.", "She met Carl.", "Carl plays chess."}


async def test_what_was_written_beside_a_memory_that_fits_is_found_with_it(neo4j: Neo4jServer) -> None:
    store = opened(neo4j, nearby=1.0)
    said = ["one", "another", "Which tea do you like?", "The green one.", "With honey?", "on and on"]
    await store.write([record(text, at=100.0 + place) for place, text in enumerate(said)])
    await store.write([record("The next day", at=90_000.0), record("Tea for Bob", BOB)])
    assert (await texts(store, "tea", limit=3))[:2] == ["Which tea do you like?", "The green one."]
    assert set(await texts(store, "tea", limit=9)) == set(said[:5])
    await store.aclose()


async def test_no_path_leads_from_one_owner_to_another(neo4j: Neo4jServer, memory: Neo4jMemory) -> None:
    owners = [
        ADA,
        BOB,
        MemoryOwner("acme", user="ada"),
        MemoryOwner(user="acme:ada"),
        MemoryOwner("", "acme", "", "ada"),
    ]
    await memory.write([record("Ada leads Acme.", owner, relations=[RELATION]) for owner in owners for _ in range(3)])
    crossing = (
        "MATCH (m:LightAgentMemory {collection: $c}) WITH collect(m.owner) AS owners "
        "MATCH (a)-[r]-(b) WHERE a.owner IN owners AND (a.owner <> b.owner OR r.owner <> a.owner) RETURN a, b"
    )
    assert rows(neo4j, crossing, c=memory.collection) == []
    for owner in owners:
        assert len(await memory.recall(owner, "Ada Acme", 50, EVERYTHING)) == 3


async def test_an_edge_that_was_planted_leads_nowhere(neo4j: Neo4jServer, memory: Neo4jMemory) -> None:
    await memory.write([record("Ada leads Acme."), record("Bob has a Secret.", BOB)])
    rows(
        neo4j,
        "MATCH (a:LightAgentEntity {name: 'Ada', owner: $ada}), (m:LightAgentMemory {text: 'Bob has a Secret.'}) "
        "MATCH (m)-[:MENTIONS]->(b) MERGE (a)-[:RELATES {owner: $ada}]->(b) MERGE (m)-[:MENTIONS]->(a)",
        ada=rows(neo4j, "MATCH (m:LightAgentMemory {text: 'Ada leads Acme.'}) RETURN m.owner")[0][0],
    )
    assert await texts(memory, "Ada") == ["Ada leads Acme."]


async def test_after_forgetting_nothing_is_left_of_it(neo4j: Neo4jServer, memory: Neo4jMemory) -> None:
    await memory.write(
        [record("Ada leads Acme.", owner, relations=[RELATION]) for owner in (ADA, BOB) for _ in range(3)]
    )
    kept = await everything(memory, OwnerSelection(user="bob"))
    one = (await everything(memory, OwnerSelection(user="ada")))[0]
    assert await memory.forget(OwnerSelection(user="bob"), [one.memory_id]) == 0
    assert await memory.forget(OwnerSelection(user="ada"), [one.memory_id]) == 1
    assert len(await texts(memory, "Ada Acme")) == 2
    assert await memory.forget(OwnerSelection(user="ada")) == 2
    assert await texts(memory, "Ada Acme") == []
    assert await everything(memory) == kept
    key = rows(neo4j, "MATCH (m:LightAgentMemory {collection: $c}) RETURN m.owner", c=memory.collection)[0][0]
    left = (
        "MATCH (o:LightAgentOwner {collection: $c}), (e:LightAgentEntity {owner: $key})-[r:RELATES]->() "
        "RETURN o.user, count(*)"
    )
    assert rows(neo4j, left, c=memory.collection, key=key) == [["bob", 3]]


async def test_a_filter_is_inside_each_search(neo4j: Neo4jServer) -> None:
    """Five that fit, behind a hundred that lie nearer."""
    store = opened(neo4j, embedder=HashingEmbedder(64))
    fitting = [record(f"green tea and other things, {place}", source="tool", tag=1.0) for place in range(5)]
    crowd = [record("Green tea", source="user", tag=True, confidence=place / 100) for place in range(100)]
    await store.write([*crowd, *fitting])
    for wanted in (
        RecallFilter(0.0, sources=("tool",), with_internal=True),
        RecallFilter(0.0, sources=("tool", "user"), metadata={"tag": 1, "source": "tool"}, with_internal=True),
    ):
        found = await store.recall(ADA, "Green tea", 5, wanted)
        assert {one.text for one in found} == {one.text for one in fitting}
    assert not await store.recall(ADA, "Green tea", 5, RecallFilter(0.0, sources=("tool",)))
    assert not await store.recall(ADA, "Green tea", 5, RecallFilter(0.0, sources=()))
    assert not await store.recall(ADA, "Green tea", 5, RecallFilter(0.0, needs_expiry=True))
    assert len(await store.recall(ADA, "Green tea", 50, RecallFilter(0.0, min_confidence=0.9))) == 10
    await store.aclose()


async def test_what_has_expired_is_not_found(memory: Neo4jMemory) -> None:
    await memory.write(
        [record("tea for ever"), record("tea today", expires_at=100), record("tea then", expires_at="1970-01-02")]
    )
    at = [
        sorted(one.text for one in await memory.recall(ADA, "tea", 5, RecallFilter(now))) for now in (99, 100, 86_400)
    ]
    assert at == [["tea for ever", "tea then", "tea today"], ["tea for ever", "tea then"], ["tea for ever"]]


async def test_a_hundred_writers_at_once(memory: Neo4jMemory) -> None:
    written = [record(f"Ada said thing{place}", memory_id=f"m{place // 2}") for place in range(200)]
    await asyncio.gather(*(memory.write([one]) for one in written))
    assert sorted(one.memory_id for one in await everything(memory)) == sorted({one.memory_id for one in written})


async def test_another_embedder_is_refused(neo4j: Neo4jServer) -> None:
    first = opened(neo4j, embedder=HashingEmbedder(64))
    await first.write([record("green tea")])
    await first.aclose()
    for embedder in (HashingEmbedder(128), None):
        second = opened(neo4j, first.collection, embedder)
        with pytest.raises(ConfigurationError, match=r"'hashing:1:64' \(64 numbers\).*reindex"):
            await second.recall(ADA, "tea", 5, EVERYTHING)
        await second.aclose()


async def test_reindexing_brings_memories_over_to_another_embedder(neo4j: Neo4jServer) -> None:
    first = opened(neo4j, embedder=HashingEmbedder(64))
    await first.write([record(f"green tea {place}") for place in range(250)])
    for embedder in (_Other(64), None, HashingEmbedder(128)):
        second = opened(neo4j, first.collection, embedder)
        with pytest.raises(ConfigurationError, match="reindex"):
            await second.recall(ADA, "tea", 5, EVERYTHING)
        assert await second.reindex() == 250
        assert len(await second.recall(ADA, "greenish", 5, EVERYTHING)) == (5 if embedder else 0)
        with pytest.raises(ConfigurationError, match="was written with"):
            await first.write([record("with the embedder of before")])
        await second.aclose()
    kept = rows(
        neo4j,
        "MATCH (m:LightAgentMemory {collection: $c}) RETURN DISTINCT m.embedding_64 IS NULL, size(m.embedding_128)",
        c=first.collection,
    )
    assert kept == [[True, 128]]
    await first.aclose()


class _Other(HashingEmbedder):
    @property
    def name(self) -> str:
        return "another"


async def test_a_server_that_is_not_there_is_a_store_error() -> None:
    store = Neo4jMemory("bolt://127.0.0.1:1", user="neo4j", password="hunter2", connection_timeout=1)
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        await store.write([record("green tea")])
    assert "hunter2" not in f"{caught.value!r}{caught.value}{store!r}"
    await store.aclose()


async def test_a_policy_may_allow_more_than_the_index_takes_conditions(memory: Neo4jMemory) -> None:
    """Lucene takes 1,024 in all; what there is no room for is a condition of the search all the same."""
    many = tuple(f"agent {number}" for number in range(3_000))
    await memory.write([record(f"green tea {name}", agent_name=name) for name in ("agent 7", "agent 2999", "another")])
    wanted = RecallFilter(0.0, agent_names=many)
    assert {one.text for one in await memory.recall(ADA, "green tea", 5, wanted)} == {
        "green tea agent 7",
        "green tea agent 2999",
    }
    assert await memory.recall(BOB, "green tea", 5, wanted) == []
    await memory.write([record(f"nearer green tea {number}", agent_name="another") for number in range(60)])
    assert len(await memory.recall(ADA, "nearer green tea", 5, wanted)) == 2
    known: JsonObject = {f"key {number}": number for number in range(1_200)}
    await memory.write(
        [MemoryRecord("m", ADA, "white tea", known), MemoryRecord("n", ADA, "white tea", known | {"z": 1})]
    )
    assert len(await memory.recall(ADA, "white tea", 5, RecallFilter(0.0, metadata=known | {"z": 1}))) == 1


async def test_a_limit_may_be_any_number(memory: Neo4jMemory) -> None:
    await memory.write([record("green tea")])
    for limit in (2**31, sys.maxsize, 10**30):
        assert len(await memory.recall(ADA, "tea", limit, EVERYTHING)) == 1
        assert len((await memory.read(ALL, limit)).records) == 1


async def test_damaged_nodes_are_named_and_can_be_forgotten(memory: Neo4jMemory, neo4j: Neo4jServer) -> None:
    await memory.write([record("green tea"), record("black tea", BOB)])
    damage = "MATCH (m:LightAgentMemory {collection: $collection, text: 'green tea'}) SET m.metadata = '{' RETURN 1"
    assert rows(neo4j, damage, collection=memory.collection)
    for use in (memory.recall(ADA, "tea", 5, EVERYTHING), memory.read(ALL, 10)):
        with pytest.raises(StoreError, match="a memory in the graph is damaged"):
            await use
    assert await memory.forget(OwnerSelection(user="ada")) == 1
    damage = "MATCH (o:LightAgentOwner {collection: $collection}) REMOVE o.tenant RETURN 1"
    assert rows(neo4j, damage, collection=memory.collection)
    with pytest.raises(StoreError, match="an owner in the graph is damaged"):
        await memory.read(ALL, 10)
    assert await memory.forget(OwnerSelection(user="bob")) == 1
    assert (await memory.read(ALL, 10)).records == ()


async def test_planted_edges_keep_no_name_of_what_was_forgotten(memory: Neo4jMemory, neo4j: Neo4jServer) -> None:
    name = f"Zed{uuid4().hex}"
    await memory.write([record(f"{name} likes tea"), record("Somebody likes tea", BOB)])
    plant = """
        MATCH (m:LightAgentMemory {collection: $collection, text: 'Somebody likes tea'}),
            (e:LightAgentEntity {name: $name}) CREATE (m)-[:MENTIONS]->(e) RETURN 1
    """
    assert rows(neo4j, plant, collection=memory.collection, name=name)
    assert await texts(memory, name, BOB) == []
    assert await memory.forget(OwnerSelection(user="ada")) == 1
    assert rows(neo4j, "MATCH (e:LightAgentEntity {name: $name}) RETURN e.name", name=name) == []
    assert await texts(memory, "tea", BOB) == ["Somebody likes tea"]


async def test_pages_are_whole_where_the_node_of_the_collection_was_made_again(neo4j: Neo4jServer) -> None:
    first = opened(neo4j)
    await first.write([record(f"tea {number}") for number in range(4)])
    await first.aclose()
    remove = "MATCH (s:LightAgentStore {name: $collection}) DELETE s RETURN 1"
    assert rows(neo4j, remove, collection=first.collection)
    again = opened(neo4j, first.collection)
    await again.write([record(f"tea {number}") for number in range(4, 7)])
    assert [one.text for one in await everything(again)] == [f"tea {number}" for number in range(7)]
    await again.aclose()
