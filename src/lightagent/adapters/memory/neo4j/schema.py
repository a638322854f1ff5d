"""What the graph looks like: its labels, constraints and indexes, and the node in which a collection says what it is.

    (:LightAgentStore {name, layout, embedder, dimension, last})                  one a collection
    (:LightAgentOwner {key, collection, namespace, tenant, user, …, memories})    one an owner
    (:LightAgentMemory {key, owner, number, text, metadata, marks, …})            one a memory
    (:LightAgentMemory)-[:MENTIONS]->(:LightAgentEntity {key, owner, name})
    (:LightAgentEntity)-[:RELATES {kind, memory, owner}]->(:LightAgentEntity)

The key of an entity is made of its owner and its name, so each owner has entities of their own, and no path leads from
one owner to another. What is filtered on is indexed; constraints and indexes are made at the first use.
"""

from __future__ import annotations

from typing import Final

from neo4j import AsyncManagedTransaction

from lightagent.adapters.memory.neo4j.database import Database, rows
from lightagent.domain.errors import ConfigurationError, StoreError

LAYOUT: Final = 1
"""Of the graph; a later one is refused."""

FULL_TEXT: Final = "lightagent_memory_text"

_DEFINITIONS: Final = {
    "lightagent_store": "CONSTRAINT {} IF NOT EXISTS FOR (s:LightAgentStore) REQUIRE s.name IS UNIQUE",
    "lightagent_owner": "CONSTRAINT {} IF NOT EXISTS FOR (o:LightAgentOwner) REQUIRE o.key IS UNIQUE",
    "lightagent_memory": "CONSTRAINT {} IF NOT EXISTS FOR (m:LightAgentMemory) REQUIRE m.key IS UNIQUE",
    "lightagent_entity": "CONSTRAINT {} IF NOT EXISTS FOR (e:LightAgentEntity) REQUIRE e.key IS UNIQUE",
    "lightagent_memory_owner": "INDEX {} IF NOT EXISTS FOR (m:LightAgentMemory) ON (m.owner, m.number)",
    "lightagent_memory_number": "INDEX {} IF NOT EXISTS FOR (m:LightAgentMemory) ON (m.collection, m.number)",
    "lightagent_owner_collection": "INDEX {} IF NOT EXISTS FOR (o:LightAgentOwner) ON (o.collection)",
    "lightagent_owner_namespace": "INDEX {} IF NOT EXISTS FOR (o:LightAgentOwner) ON (o.namespace_key)",
    "lightagent_owner_tenant": "INDEX {} IF NOT EXISTS FOR (o:LightAgentOwner) ON (o.tenant_key)",
    "lightagent_owner_user": "INDEX {} IF NOT EXISTS FOR (o:LightAgentOwner) ON (o.user_key)",
    "lightagent_owner_session": "INDEX {} IF NOT EXISTS FOR (o:LightAgentOwner) ON (o.session_key)",
    "lightagent_owner_agent": "INDEX {} IF NOT EXISTS FOR (o:LightAgentOwner) ON (o.agent_key)",
    FULL_TEXT: "FULLTEXT INDEX {} IF NOT EXISTS FOR (m:LightAgentMemory) "
    "ON EACH [m.marks, m.terms, m.expires, m.confidence] "
    "OPTIONS {{indexConfig: {{`fulltext.analyzer`: 'whitespace'}}}}",
}
"""The statements that make constraints and indexes, by their names; a constraint has an index of its name."""

_VECTORS: Final = (
    "VECTOR INDEX {0} IF NOT EXISTS FOR (m:LightAgentMemory) ON (m.{0}) "
    "OPTIONS {{indexConfig: {{`vector.dimensions`: {1}, `vector.similarity_function`: 'cosine'}}}}"
)
_SECONDS: Final = 60
"""For indexes to be filled, where memories were there before them."""


def vector_property(dimension: int) -> str:
    """The property that holds vectors of this size, which is the name of their index as well."""
    return f"embedding_{dimension:d}"


async def open_collection(database: Database, name: str, embedder: str, dimension: int) -> None:
    """Make what a collection needs, and see that it was written with the same embedder.

    Raises:
        ConfigurationError: it was written with another embedder.
        StoreError: a later version of this package wrote it.
    """
    found = await database.read(lambda transaction: _stamp(transaction, name))
    if found is None:
        await database.write(lambda transaction: _define(transaction, dimension))
        await database.read(_wait_for_indexes)
        found = await database.write(lambda transaction: _make(transaction, name, embedder, dimension))
    layout, kept, size, last = found
    if layout > LAYOUT:
        raise StoreError(
            f"The collection {name!r} has layout {layout}, which a later version of lightagent wrote.",
            guidance="Install that version.",
        )
    if (kept, size) == (embedder, dimension):
        return
    if last:
        raise ConfigurationError(
            f"The memories of the collection {name!r} have {_told(kept, size)}, and this store makes "
            f"{_told(embedder, dimension)}.",
            guidance="Open it with the embedder of its memories, or make their vectors anew: "
            "lightagent memory reindex.",
        )
    await database.write(lambda transaction: _define(transaction, dimension))
    await database.read(_wait_for_indexes)
    await database.write(lambda transaction: _restamp(transaction, name, embedder, dimension))


def _told(embedder: str, dimension: int) -> str:
    return f"vectors of {embedder!r} with {dimension} numbers" if embedder else "no vectors"


_Stamp = tuple[int, str, int, int]


async def _stamp(transaction: AsyncManagedTransaction, name: str) -> _Stamp | None:
    found = await rows(
        transaction,
        "MATCH (s:LightAgentStore {name: $name}) RETURN s.layout, s.embedder, s.dimension, s.last",
        name=name,
    )
    return None if not found else (found[0][0], found[0][1], found[0][2], found[0][3])


async def _define(transaction: AsyncManagedTransaction, dimension: int) -> None:
    wanted = {name: statement.format(name) for name, statement in _DEFINITIONS.items()}
    if dimension:
        name = vector_property(dimension)
        wanted[name] = _VECTORS.format(name, dimension)
    there = {row["name"] for row in await rows(transaction, "SHOW INDEXES YIELD name")}
    for name, statement in wanted.items():
        if name not in there:
            await rows(transaction, f"CREATE {statement}")


async def _wait_for_indexes(transaction: AsyncManagedTransaction) -> None:
    await rows(transaction, "CALL db.awaitIndexes($seconds)", seconds=_SECONDS)


async def _make(transaction: AsyncManagedTransaction, name: str, embedder: str, dimension: int) -> _Stamp:
    found = await rows(
        transaction,
        "MERGE (s:LightAgentStore {name: $name}) "
        "ON CREATE SET s.layout = $layout, s.embedder = $embedder, s.dimension = $dimension, s.last = 0 "
        "RETURN s.layout, s.embedder, s.dimension, s.last",
        name=name,
        layout=LAYOUT,
        embedder=embedder,
        dimension=dimension,
    )
    return found[0][0], found[0][1], found[0][2], found[0][3]


async def _restamp(transaction: AsyncManagedTransaction, name: str, embedder: str, dimension: int) -> None:
    await rows(
        transaction,
        "MATCH (s:LightAgentStore {name: $name}) WHERE s.last = 0 SET s.embedder = $embedder, s.dimension = $dimension",
        name=name,
        embedder=embedder,
        dimension=dimension,
    )
