"""When other memories took the place of one, as a property of its node by which searches are filtered.

    (:LightAgentMemory)-[:SUPERSEDES]->(:LightAgentFact {key, owner})

A fact stands for the memory of its key, which may not be there yet, or no more. The key is made of the owner's, so no
memory takes the place of another owner's. All writers of a collection take their turns, so each sees all others.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, LiteralString

from neo4j import AsyncManagedTransaction, Record

from lightagent.adapters.memory.neo4j.database import rows
from lightagent.adapters.memory.neo4j.encoding import ending, memory_key, unescaped
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.validity import Version, ended_at, ends_at, version_of

_NAME: Final = """
    UNWIND $named AS row MATCH (m:LightAgentMemory {key: row.memory})
    MERGE (f:LightAgentFact {key: row.fact}) ON CREATE SET f.owner = m.owner
    MERGE (m)-[:SUPERSEDES]->(f)
"""
_TOLD: Final = (
    "m.key AS key, m.owner AS owner, m.memory_id AS id, m.metadata AS metadata, m.written_at AS at, m.ends AS ends"
)
_NAMING: Final = f"""
    MATCH (f:LightAgentFact)<-[:SUPERSEDES]-(m:LightAgentMemory) WHERE f.key IN $keys RETURN DISTINCT {_TOLD}
"""
_NAMED: Final = f"MATCH (m:LightAgentMemory) WHERE m.key IN $keys RETURN {_TOLD}"
_END: Final = "UNWIND $ends AS row MATCH (m:LightAgentMemory {key: row.key}) SET m.ends = row.ends"
_OF_MEMORIES: Final = """
    MATCH (m:LightAgentMemory)-[:SUPERSEDES]->(f:LightAgentFact) WHERE m.key IN $keys RETURN DISTINCT f.key AS key
"""
_ALONE: Final = """
    MATCH (f:LightAgentFact) WHERE f.key IN $keys AND NOT EXISTS { (f)<-[:SUPERSEDES]-() } DETACH DELETE f
"""


@dataclass(frozen=True, slots=True)
class _Known:
    key: str
    owner: str
    metadata: JsonObject
    version: Version
    ends: str

    @property
    def facts(self) -> list[str]:
        """The keys of what it is, and of what it takes the place of."""
        return [memory_key(self.owner, name) for name in (self.version.memory_id, *self.version.supersedes)]


async def name_facts(transaction: AsyncManagedTransaction, named: Mapping[str, Sequence[str]]) -> None:
    """Note of memories, by their keys, whose place they take."""
    listed = [{"memory": key, "fact": fact} for key, facts in named.items() for fact in facts]
    if listed:
        await rows(transaction, _NAME, named=listed)


async def settle(transaction: AsyncManagedTransaction, keys: Iterable[str]) -> None:
    """Write down when the memories of these keys end, and those that take the place of the same."""
    asked = sorted(set(keys))
    naming = await _known(transaction, _NAMING, asked)
    chosen = {one.key: one for one in (*naming, *await _known(transaction, _NAMED, asked))}
    every = await _known(transaction, _NAMING, sorted({fact for one in chosen.values() for fact in one.facts}))
    by_owner: dict[str, list[Version]] = {}
    for one in every:
        by_owner.setdefault(one.owner, []).append(one.version)
    ends = {
        one.key: ending(ends_at(one.metadata, ended_at(one.version, by_owner.get(one.owner, ()))))
        for one in chosen.values()
    }
    changed = [{"key": key, "ends": text} for key, text in ends.items() if text != chosen[key].ends]
    if changed:
        await rows(transaction, _END, ends=changed)


async def is_named(transaction: AsyncManagedTransaction, keys: Sequence[str]) -> bool:
    """Whether memories take the place of one of these keys."""
    return bool(await rows(transaction, "MATCH (f:LightAgentFact) WHERE f.key IN $keys RETURN f LIMIT 1", keys=keys))


async def facts_of_memories(transaction: AsyncManagedTransaction, keys: Sequence[str]) -> list[str]:
    """The keys of what these memories take the place of."""
    return [row["key"] for row in await rows(transaction, _OF_MEMORIES, keys=keys)]


async def release(transaction: AsyncManagedTransaction, facts: Sequence[str]) -> None:
    """What nothing takes the place of any more holds again; the memories that did are gone."""
    if facts:
        await settle(transaction, facts)
        await rows(transaction, _ALONE, keys=facts)


async def _known(transaction: AsyncManagedTransaction, statement: LiteralString, keys: Sequence[str]) -> list[_Known]:
    return [_read(row) for row in await rows(transaction, statement, keys=keys)] if keys else []


def _read(row: Record) -> _Known:
    metadata: JsonObject = json.loads(row["metadata"])
    version = version_of(unescaped(row["id"]), metadata, float(row["at"]))
    return _Known(row["key"], row["owner"], metadata, version, row["ends"])
