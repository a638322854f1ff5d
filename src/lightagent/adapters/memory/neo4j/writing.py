"""Writing and forgetting: one transaction after another for each collection.

Every one begins with a lock on the collection's node. So numbers have the order of the commits, two writers of one id
or one entity do not meet, and a writer that was opened with another embedder is noticed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from neo4j import AsyncManagedTransaction

from lightagent.adapters.memory._space import Space
from lightagent.adapters.memory.neo4j.database import rows
from lightagent.adapters.memory.neo4j.facts import facts_of_memories, is_named, name_facts, release, settle
from lightagent.domain.errors import StoreError

AT_ONCE: Final = 500
"""Memories of one transaction."""

_LOCK: Final = """
    MATCH (s:LightAgentStore {name: $collection}) SET s.last = s.last + $count
    RETURN s.last AS last, s.embedder AS embedder, s.dimension AS dimension
"""
_NEW: Final = """
    UNWIND $keys AS key OPTIONAL MATCH (m:LightAgentMemory {key: key})
    WITH key, m WHERE m IS NULL RETURN key
"""
_WRITE: Final = """
    UNWIND $memories AS row CREATE (m:LightAgentMemory {key: row.key, number: $first + row.place}) SET m += row.node
"""
_OWNERS: Final = """
    UNWIND $owners AS row
    MERGE (o:LightAgentOwner {key: row.key}) ON CREATE SET o += row.node, o.memories = 0
    SET o.memories = o.memories + row.count
"""
_ENTITIES: Final = """
    UNWIND $memories AS row MATCH (m:LightAgentMemory {key: row.key})
    UNWIND row.entities AS entity
    MERGE (e:LightAgentEntity {key: entity.key}) ON CREATE SET e.name = entity.name, e.owner = row.node.owner
    MERGE (m)-[:MENTIONS]->(e)
"""
_RELATIONS: Final = """
    UNWIND $memories AS row UNWIND row.relations AS relation
    MATCH (a:LightAgentEntity {key: relation.subject}), (b:LightAgentEntity {key: relation.object})
    CREATE (a)-[:RELATES {kind: relation.kind, memory: row.key, owner: row.node.owner}]->(b)
"""


@dataclass(frozen=True, slots=True)
class Written:
    """A memory as it is written.

    Attributes:
        key: of the memory.
        node: its properties.
        owner: the properties of its owner's node.
        entities: `key` and `name` of what it is about.
        relations: `subject` and `object`, keys of entities, and `kind`.
        superseded: keys of the memories whose place it takes.
    """

    key: str
    node: dict[str, object]
    owner: dict[str, object]
    entities: list[dict[str, str]] = field(default_factory=list)
    relations: list[dict[str, str]] = field(default_factory=list)
    superseded: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Writing:
    """A transaction that writes memories; those that are there already stay as they are."""

    collection: str
    space: Space
    memories: Sequence[Written]

    async def __call__(self, transaction: AsyncManagedTransaction) -> None:
        """Do it."""
        last = await self._lock(transaction)
        keys = [one.key for one in self.memories]
        missing = {row["key"] for row in await rows(transaction, _NEW, keys=keys)}
        new = [one for one in self.memories if one.key in missing]
        if not new:
            return
        listed = [
            {"key": one.key, "place": place, "node": one.node, "entities": one.entities, "relations": one.relations}
            for place, one in enumerate(new, 1)
        ]
        counts = Counter(str(one.node["owner"]) for one in new)
        nodes = {str(one.node["owner"]): one.owner for one in new}
        owners = [{"key": key, "node": nodes[key], "count": count} for key, count in counts.items()]
        await rows(transaction, _WRITE, memories=listed, first=last - len(self.memories))
        await rows(transaction, _OWNERS, owners=owners)
        if any(one.entities for one in new):
            await rows(transaction, _ENTITIES, memories=listed)
        if any(one.relations for one in new):
            await rows(transaction, _RELATIONS, memories=listed)
        await name_facts(transaction, {one.key: one.superseded for one in new})
        own = [one.key for one in new]
        # A memory may arrive after those that take its place.
        if any(one.superseded for one in new) or await is_named(transaction, own):
            await settle(transaction, [*own, *(key for one in new for key in one.superseded)])

    async def _lock(self, transaction: AsyncManagedTransaction) -> int:
        found = await rows(transaction, _LOCK, collection=self.collection, count=len(self.memories))
        if not found:
            raise StoreError(
                f"The collection {self.collection!r} was removed behind this store's back.",
                guidance="Close the store, and open it again.",
            )
        last, embedder, dimension = found[0]
        self.space.check_against(Space(embedder, dimension), f"The collection {self.collection!r}")
        return int(last)


_CHOOSE: Final = """
    MATCH (m:LightAgentMemory {owner: $owner}) WHERE $keys IS NULL OR m.key IN $keys
    RETURN m.key AS key LIMIT $limit
"""
_UNRELATE: Final = """
    MATCH (m:LightAgentMemory)-[:MENTIONS]->(e:LightAgentEntity) WHERE m.key IN $keys
    OPTIONAL MATCH (e)-[r:RELATES]-() WHERE r.memory IN $keys
    DELETE r RETURN DISTINCT e.key AS key
"""
_REMOVE: Final = "MATCH (m:LightAgentMemory) WHERE m.key IN $keys DETACH DELETE m"
_ALONE: Final = """
    MATCH (e:LightAgentEntity)
    WHERE e.key IN $entities AND NOT EXISTS { (e)<-[:MENTIONS]-(:LightAgentMemory {owner: e.owner}) } DETACH DELETE e
"""
_FEWER: Final = """
    MATCH (o:LightAgentOwner {key: $owner}) SET o.memories = o.memories - $count
    WITH o WHERE o.memories <= 0 DELETE o
"""


@dataclass(frozen=True, slots=True)
class Forgetting:
    """A transaction that removes memories of one owner, with what is known from them alone; gives how many."""

    collection: str
    owner: str
    keys: list[str] | None

    async def __call__(self, transaction: AsyncManagedTransaction) -> int:
        """Do it."""
        await rows(transaction, _LOCK, collection=self.collection, count=0)
        chosen = await rows(transaction, _CHOOSE, owner=self.owner, keys=self.keys, limit=AT_ONCE)
        keys = [row["key"] for row in chosen]
        if keys:
            entities = [row["key"] for row in await rows(transaction, _UNRELATE, keys=keys)]
            facts = await facts_of_memories(transaction, keys)
            await rows(transaction, _REMOVE, keys=keys)
            await release(transaction, facts)
            await rows(transaction, _ALONE, entities=entities)
            await rows(transaction, _FEWER, owner=self.owner, count=len(keys))
        return len(keys)
