"""Searching: by words, by nearness of vectors, and from entity to entity, each among one owner's memories alone.

The three ranks are joined by reciprocal rank fusion. Owner and filter stand inside each search. The vector index of
Neo4j 5 takes no condition: the memories of an owner who has few are compared one by one, and of one who has many the
index is asked for more until enough of what it gives fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, LiteralString

from neo4j import AsyncManagedTransaction

from lightagent.adapters.memory.neo4j.conditions import FITS, Conditions
from lightagent.adapters.memory.neo4j.database import rows
from lightagent.adapters.memory.neo4j.encoding import RECORD, record_of
from lightagent.adapters.memory.neo4j.nearby import by_words
from lightagent.adapters.memory.neo4j.schema import vector_property
from lightagent.domain.memory.recall_filter import RecallFilter, facts_of
from lightagent.domain.memory.records import FoundMemory, MemoryOwner, MemoryRecord

_MOST_TERMS: Final = 128
"""Terms of a query that are looked up."""

_CANDIDATES: Final = 50
"""Of each search, where fewer are wanted."""

_RANK: Final = 60
"""The constant of reciprocal rank fusion."""

_GRAPH_WEIGHT: Final = 0.03
"""How much it counts that a memory is found from entity to entity: little, where words find enough."""

COMPARED: Final = 2_000
"""Memories of an owner that are compared one by one; of more, the vector index is asked."""

_MOST_ASKED: Final = 20_000
"""Of the vector index; where so many do not give enough that fit, the owner's are compared one by one."""

_COUNT: Final = """
    OPTIONAL MATCH (o:LightAgentOwner {key: $owner}) OPTIONAL MATCH (s:LightAgentStore {name: $collection})
    RETURN coalesce(o.memories, 0) AS own, coalesce(s.last, 0) AS written
"""
_COMPARED: Final = f"""
    MATCH (m:LightAgentMemory {{owner: $owner}}) WHERE {FITS} AND m[$property] IS NOT NULL
    WITH m, vector.similarity.cosine(m[$property], $vector) AS score
    RETURN m.key AS key ORDER BY score DESC, m.number LIMIT $limit
"""
_NEAREST: Final = f"""
    CALL db.index.vector.queryNodes($property, $asked, $vector) YIELD node AS m, score WHERE {FITS}
    RETURN m.key AS key ORDER BY score DESC, m.number LIMIT $limit
"""
_GRAPH: Final = f"""
    MATCH (e:LightAgentEntity) WHERE e.key IN $entities AND e.owner = $owner
    WITH e, COUNT {{ (e)<-[:MENTIONS]-() }} AS degree WHERE degree <= $hub
    CALL (e, degree) {{
        RETURN e AS near, 1.0 / (1 + log(degree)) AS weight
        UNION
        MATCH (e)-[:RELATES]-(f:LightAgentEntity) WHERE f.owner = $owner
        WITH DISTINCT f, degree LIMIT $hub
        RETURN f AS near, 0.5 / (1 + log(degree)) AS weight
        UNION
        MATCH (e)<-[:MENTIONS]-(said:LightAgentMemory)-[:MENTIONS]->(f:LightAgentEntity)
        WHERE said.owner = $owner AND f.owner = $owner AND f <> e
        WITH DISTINCT f, degree LIMIT $hub
        RETURN f AS near, 0.25 / (1 + log(degree)) AS weight
    }}
    WITH near, sum(weight) AS weight WHERE COUNT {{ (near)<-[:MENTIONS]-() }} <= $hub
    MATCH (near)<-[:MENTIONS]-(m:LightAgentMemory) WHERE {FITS}
    WITH m, sum(weight) AS score
    RETURN m.key AS key ORDER BY score DESC, m.number LIMIT $limit
"""
_HUB: Final = 200
"""Memories of an owner that mention an entity; one that stands in more tells nothing of any of them."""

_FETCH: Final = f"""
    UNWIND $keys AS key MATCH (m:LightAgentMemory {{key: key}}) WHERE m.owner = $owner RETURN {RECORD}
"""


@dataclass(frozen=True, slots=True)
class Search:
    """A transaction that finds memories.

    Attributes:
        collection: where.
        owner: whose.
        conditions, wanted: what the search looks at, in the terms of the graph and as it was asked.
        terms: of the query.
        entities: keys of what the query may name.
        vector: of the query; None: it has none.
        limit: how many are wanted.
        nearby: how much the memories beside one that fits share of what it counts.
    """

    collection: str
    owner: MemoryOwner
    conditions: Conditions
    wanted: RecallFilter
    terms: Sequence[str]
    entities: Sequence[str]
    vector: Sequence[float] | None
    limit: int
    nearby: float

    async def __call__(self, transaction: AsyncManagedTransaction) -> list[FoundMemory]:
        """Do it."""
        ranks = [
            (1.0, await self._by_words(transaction)),
            (1.0, await self._by_nearness(transaction)),
            (_GRAPH_WEIGHT, await self._by_entities(transaction)),
        ]
        keys, fitting = _fused(ranks)[: self._candidates], list[MemoryRecord]()
        # Their texts may be long, and each has passed the filter already: so no more are read than are wanted.
        while keys and len(fitting) < self.limit:
            some, keys = keys[: self.limit], keys[self.limit :]
            records = await self._records(transaction, some)
            fitting.extend(one for one in records if self.wanted.fits(facts_of(one), one.metadata))
        return [one.found() for one in fitting[: self.limit]]

    async def _records(self, transaction: AsyncManagedTransaction, keys: list[str]) -> list[MemoryRecord]:
        """The memories of these keys, in their order."""
        found = await rows(transaction, _FETCH, keys=keys, owner=self.conditions.owner)
        by_key = {row["node"]["key"]: record_of(row["node"], self.owner) for row in found}
        return [by_key[key] for key in keys if key in by_key]

    @property
    def _candidates(self) -> int:
        return max(self.limit, _CANDIDATES)

    async def _by_words(self, transaction: AsyncManagedTransaction) -> list[str]:
        terms = list(dict.fromkeys(self.terms))[:_MOST_TERMS]
        if not terms:
            return []
        return await by_words(transaction, self.conditions, terms, self._candidates, self.nearby)

    async def _by_nearness(self, transaction: AsyncManagedTransaction) -> list[str]:
        if self.vector is None:
            return []
        counts = await rows(transaction, _COUNT, owner=self.conditions.owner, collection=self.collection)
        own, written = counts[0]
        arguments = {
            **self.conditions.parameters,
            "property": vector_property(len(self.vector)),
            "vector": list(self.vector),
            "limit": self._candidates,
        }
        if own > COMPARED:
            asked = 2 * self._candidates * max(1, written // own)
            while asked <= _MOST_ASKED:
                found = await _keys(transaction, _NEAREST, asked=asked, **arguments)
                if len(found) >= self._candidates:
                    return found
                asked *= 4
        return await _keys(transaction, _COMPARED, **arguments)

    async def _by_entities(self, transaction: AsyncManagedTransaction) -> list[str]:
        if not self.entities:
            return []
        arguments = {**self.conditions.parameters, "entities": list(self.entities), "hub": _HUB}
        return await _keys(transaction, _GRAPH, limit=self._candidates, **arguments)


async def _keys(transaction: AsyncManagedTransaction, query: LiteralString, **parameters: object) -> list[str]:
    return [row["key"] for row in await rows(transaction, query, **parameters)]


def _fused(ranks: Iterable[tuple[float, Sequence[str]]]) -> list[str]:
    """All that was found, best first; what is found twice counts twice."""
    scores: dict[str, float] = {}
    for weight, keys in ranks:
        for place, key in enumerate(keys):
            scores[key] = scores.get(key, 0.0) + weight / (_RANK + place)
    return sorted(scores, key=lambda key: -scores[key])
