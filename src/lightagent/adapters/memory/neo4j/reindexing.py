"""Making anew by what memories are found: their terms, and their vectors with another embedder.

The vectors of the embedder before are removed first, then the collection says which one it has now, and then the new
vectors come. So wherever it breaks off, no vectors of two embedders are compared, and it can be done again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from neo4j import AsyncManagedTransaction

from lightagent.adapters.memory._space import Space
from lightagent.adapters.memory.neo4j.database import Database, rows
from lightagent.adapters.memory.neo4j.encoding import unescaped
from lightagent.adapters.memory.neo4j.schema import read_space, vector_property

AT_ONCE: Final = 200
"""Memories of one transaction."""

_STAMP: Final = """
    MATCH (s:LightAgentStore {name: $collection}) SET s.embedder = $embedder, s.dimension = $dimension
"""
_PAGE: Final = """
    MATCH (m:LightAgentMemory {collection: $collection}) WHERE m.number > $after
    RETURN m.key AS key, m.number AS number, coalesce(m.text, '') AS text ORDER BY m.number LIMIT $limit
"""
_SET: Final = "UNWIND $indexed AS row MATCH (m:LightAgentMemory {key: row.key}) SET m += row.node"


@dataclass(frozen=True, slots=True)
class Found:
    """A memory that is to be indexed anew, and its place in the order of all."""

    key: str
    number: int
    text: str


async def change_space(database: Database, collection: str, space: Space) -> None:
    """Remove the vectors of another space than this, and note this one."""
    kept = await database.read(lambda transaction: read_space(transaction, collection))
    if kept is None or kept == space:
        return
    while kept.dimension and await database.write(lambda transaction: _strip(transaction, collection, kept, AT_ONCE)):
        pass

    async def stamp(transaction: AsyncManagedTransaction) -> None:
        known = {"embedder": space.embedder, "dimension": space.dimension}
        await rows(transaction, _STAMP, collection=collection, **known)
        # The first statement has locked the collection; what a writer added before it goes now.
        if kept.dimension:
            await _strip(transaction, collection, kept, None)

    await database.write(stamp)


async def _strip(transaction: AsyncManagedTransaction, collection: str, space: Space, most: int | None) -> int:
    """Remove the vectors of some memories; how many they were."""
    name = vector_property(space.dimension)
    found = await rows(
        transaction,
        f"MATCH (m:LightAgentMemory {{collection: $collection}}) WHERE m.{name} IS NOT NULL "
        f"WITH m {'LIMIT $most ' if most is not None else ''}REMOVE m.{name} RETURN count(*) AS count",
        collection=collection,
        most=most,
    )
    return int(found[0]["count"])


async def page_after(database: Database, collection: str, after: int) -> list[Found]:
    """Some memories, in the order in which they were written."""

    async def read(transaction: AsyncManagedTransaction) -> list[Found]:
        found = await rows(transaction, _PAGE, collection=collection, after=after, limit=AT_ONCE)
        return [Found(row["key"], row["number"], unescaped(row["text"])) for row in found]

    return await database.read(read)


async def index(database: Database, nodes: Sequence[tuple[str, dict[str, object]]]) -> None:
    """Set what memories are found by, of each its key and the properties."""
    indexed = [{"key": key, "node": node} for key, node in nodes]
    await database.write(lambda transaction: rows(transaction, _SET, indexed=indexed))
