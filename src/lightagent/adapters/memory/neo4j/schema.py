"""What the graph looks like: its labels, constraints and indexes, and the node in which a collection says what it is.

    (:LightAgentStore {name, layout, embedder, dimension, last})                  one a collection
    (:LightAgentOwner {key, collection, namespace, tenant, user, …, memories})    one an owner
    (:LightAgentMemory {key, owner, number, text, metadata, marks, …})            one a memory
    (:LightAgentMemory)-[:MENTIONS]->(:LightAgentEntity {key, owner, name})
    (:LightAgentMemory)-[:SUPERSEDES]->(:LightAgentFact {key, owner})             what a newer memory took the place of
    (:LightAgentEntity)-[:RELATES {kind, memory, owner}]->(:LightAgentEntity)

The key of an entity is made of its owner and its name, so each owner has entities of their own, and no path leads from
one owner to another. What is filtered on is indexed; constraints and indexes are made at the first use.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from random import uniform
from typing import Final, LiteralString

from neo4j import AsyncManagedTransaction, Record

from lightagent.adapters.memory._space import Space
from lightagent.adapters.memory.neo4j.database import Database, rows
from lightagent.adapters.memory.neo4j.faults import is_there_already
from lightagent.domain.errors import StoreError

LAYOUT: Final = 2
"""Of the graph; another one is refused."""

FULL_TEXT: Final = "lightagent_memory_words"

_DEFINITIONS: Final[Mapping[LiteralString, LiteralString]] = {
    "lightagent_store": "CONSTRAINT {} IF NOT EXISTS FOR (s:LightAgentStore) REQUIRE s.name IS UNIQUE",
    "lightagent_owner": "CONSTRAINT {} IF NOT EXISTS FOR (o:LightAgentOwner) REQUIRE o.key IS UNIQUE",
    "lightagent_memory": "CONSTRAINT {} IF NOT EXISTS FOR (m:LightAgentMemory) REQUIRE m.key IS UNIQUE",
    "lightagent_entity": "CONSTRAINT {} IF NOT EXISTS FOR (e:LightAgentEntity) REQUIRE e.key IS UNIQUE",
    "lightagent_fact": "CONSTRAINT {} IF NOT EXISTS FOR (f:LightAgentFact) REQUIRE f.key IS UNIQUE",
    "lightagent_memory_owner": "INDEX {} IF NOT EXISTS FOR (m:LightAgentMemory) ON (m.owner, m.number)",
    "lightagent_memory_number": "INDEX {} IF NOT EXISTS FOR (m:LightAgentMemory) ON (m.collection, m.number)",
    "lightagent_owner_collection": "INDEX {} IF NOT EXISTS FOR (o:LightAgentOwner) ON (o.collection)",
    "lightagent_owner_namespace": "INDEX {} IF NOT EXISTS FOR (o:LightAgentOwner) ON (o.namespace_key)",
    "lightagent_owner_tenant": "INDEX {} IF NOT EXISTS FOR (o:LightAgentOwner) ON (o.tenant_key)",
    "lightagent_owner_user": "INDEX {} IF NOT EXISTS FOR (o:LightAgentOwner) ON (o.user_key)",
    "lightagent_owner_session": "INDEX {} IF NOT EXISTS FOR (o:LightAgentOwner) ON (o.session_key)",
    "lightagent_owner_agent": "INDEX {} IF NOT EXISTS FOR (o:LightAgentOwner) ON (o.agent_key)",
    FULL_TEXT: "FULLTEXT INDEX {} IF NOT EXISTS FOR (m:LightAgentMemory) "
    "ON EACH [m.marks, m.terms, m.expires, m.begins, m.ends, m.confidence] "
    "OPTIONS {{indexConfig: {{`fulltext.analyzer`: 'whitespace'}}}}",
}
"""The statements that make constraints and indexes, by their names; a constraint has an index of its name."""

_VECTORS: Final = (
    "VECTOR INDEX {0} IF NOT EXISTS FOR (m:LightAgentMemory) ON (m.{0}) "
    "OPTIONS {{indexConfig: {{`vector.dimensions`: {1}, `vector.similarity_function`: 'cosine'}}}}"
)
_ATTEMPTS: Final = 8
"""To make constraints and indexes, where other processes make them as well."""

_PAUSE: Final = 0.1
_SECONDS: Final = 60
"""For indexes to be filled, where memories were there before them."""


_DIGITS: Final[Mapping[str, LiteralString]] = {
    "0": "0",
    "1": "1",
    "2": "2",
    "3": "3",
    "4": "4",
    "5": "5",
    "6": "6",
    "7": "7",
    "8": "8",
    "9": "9",
}
"""By which a number becomes part of a statement, as nothing else may."""


def _number(value: int) -> LiteralString:
    return "".join([_DIGITS[digit] for digit in str(value)])


def vector_property(dimension: int) -> LiteralString:
    """The property that holds vectors of this size, which is the name of their index as well."""
    return "embedding_" + _number(dimension)


async def open_collection(database: Database, name: str, space: Space) -> None:
    """Make what a collection needs, and see that it was written with the same embedder.

    Raises:
        ConfigurationError: it was written with another embedder.
        StoreError: another version of this package wrote it.
    """
    found = await database.read(lambda transaction: _stamp(transaction, name))
    if found is None or (not found.last and found.space != space):
        found = await define(database, name, space)
    if found.layout != LAYOUT:
        raise StoreError(
            f"The collection {name!r} has layout {found.layout}, which another version of lightagent wrote.",
            guidance="Install that version; `lightagent memory copy` brings its memories into another collection.",
        )
    space.check_against(found.space, f"The collection {name!r}")


async def define(database: Database, name: str, space: Space) -> _Stamp:
    """Make the constraints and indexes that are missing, and the collection."""
    for attempt in range(_ATTEMPTS):
        if await _all_is_made(database, space.dimension):
            break
        await asyncio.sleep(uniform(0, _PAUSE * 2**attempt))
    await database.read(_wait_for_indexes)
    return await database.write(lambda transaction: _make(transaction, name, space))


async def read_space(transaction: AsyncManagedTransaction, name: str) -> Space | None:
    """The space of the vectors of a collection; None if the collection does not exist."""
    found = await _stamp(transaction, name)
    return None if found is None else found.space


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What a collection says of itself: its layout, its vectors, and the number of the last memory, 0 before one."""

    layout: int
    space: Space
    last: int


async def _stamp(transaction: AsyncManagedTransaction, name: str) -> _Stamp | None:
    found = await rows(transaction, f"MATCH (s:LightAgentStore {{name: $name}}) {_TOLD}", name=name)
    return _read_stamp(found[0]) if found else None


_TOLD: Final = "RETURN s.layout AS layout, s.embedder AS embedder, s.dimension AS dimension, s.last AS last"


def _read_stamp(row: Record) -> _Stamp:
    return _Stamp(row["layout"], Space(row["embedder"], row["dimension"]), row["last"])


async def _all_is_made(database: Database, dimension: int) -> bool:
    """Make what is missing, each in a transaction of its own; False where another process was making one of them.

    What that process makes cannot be seen before its transaction ends, nor be made once more; it may still be undone.
    """
    wanted: dict[LiteralString, LiteralString] = {
        name: statement.format(name) for name, statement in _DEFINITIONS.items()
    }
    if dimension:
        name = vector_property(dimension)
        wanted[name] = _VECTORS.format(name, _number(dimension))
    there = {row["name"] for row in await database.read(_indexes)}
    made = [await _is_made(database, f"CREATE {wanted[name]}") for name in wanted if name not in there]
    return all(made)


async def _indexes(transaction: AsyncManagedTransaction) -> list[Record]:
    return await rows(transaction, "SHOW INDEXES YIELD name")


async def _is_made(database: Database, statement: LiteralString) -> bool:
    try:
        await database.write(lambda transaction: rows(transaction, statement))
    except StoreError as error:
        if not is_there_already(error):
            raise
        return False
    return True


async def _wait_for_indexes(transaction: AsyncManagedTransaction) -> None:
    await rows(transaction, "CALL db.awaitIndexes($seconds)", seconds=_SECONDS)


async def _make(transaction: AsyncManagedTransaction, name: str, space: Space) -> _Stamp:
    """Of several who make it at once one does, and before anything is written the last one.

    Where the node was removed and the memories were not, their numbers go on.
    """
    found = await rows(
        transaction,
        "OPTIONAL MATCH (m:LightAgentMemory {collection: $name}) WITH coalesce(max(m.number), 0) AS last "
        "MERGE (s:LightAgentStore {name: $name}) "
        "ON CREATE SET s.layout = $layout, s.last = last, s.embedder = $embedder, s.dimension = $dimension "
        "FOREACH (empty IN CASE WHEN s.last = 0 THEN [s] ELSE [] END | "
        "SET empty.embedder = $embedder, empty.dimension = $dimension) "
        f"WITH s {_TOLD}",
        name=name,
        layout=LAYOUT,
        embedder=space.embedder,
        dimension=space.dimension,
    )
    return _read_stamp(found[0])
