"""Searching by words, where a memory that fits also speaks for those that were written just before and after it.

An answer seldom repeats the words of its question, and follows it; the weights are those of the store in SQLite.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, LiteralString

from neo4j import AsyncManagedTransaction, Record

from lightagent.adapters.memory._neighbour_scores import AFTER, BEFORE, NEARBY, QUESTION
from lightagent.adapters.memory.neo4j.conditions import FITS, Conditions
from lightagent.adapters.memory.neo4j.database import rows
from lightagent.adapters.memory.neo4j.schema import FULL_TEXT

_TOLD: Final = "m.key AS key, m.number AS number, m.written_at AS at, rtrim(m.text) ENDS WITH '?' AS asks"

_WORDS: Final = f"""
    CALL db.index.fulltext.queryNodes('{FULL_TEXT}', $lucene, {{limit: $limit}}) YIELD node AS m, score
    WHERE m.owner = $owner
    RETURN {_TOLD}, score ORDER BY score DESC, number
"""
_WORDS_AMONG: Final = f"""
    CALL db.index.fulltext.queryNodes('{FULL_TEXT}', $lucene) YIELD node AS m, score WHERE {FITS}
    RETURN {_TOLD}, score ORDER BY score DESC, number LIMIT $limit
"""
"""The same where the index could not be asked for all conditions; it is read on until enough is found."""

_AFTER: Final = f"""
    UNWIND $hits AS hit
    CALL (hit) {{
        MATCH (m:LightAgentMemory) WHERE m.owner = $owner AND m.number > hit RETURN m ORDER BY m.number LIMIT $reach
    }}
    WITH hit, m WHERE {FITS}
    RETURN hit, {_TOLD} ORDER BY hit, number
"""
_BEFORE: Final = f"""
    UNWIND $hits AS hit
    CALL (hit) {{
        MATCH (m:LightAgentMemory) WHERE m.owner = $owner AND m.number < hit
        RETURN m ORDER BY m.number DESC LIMIT $reach
    }}
    WITH hit, m WHERE {FITS}
    RETURN hit, {_TOLD} ORDER BY hit, number DESC
"""


async def by_words(
    transaction: AsyncManagedTransaction, limits: Conditions, terms: list[str], limit: int, nearby: float
) -> list[str]:
    """The keys of the memories that say most about these terms, the best first.

    Args:
        nearby: how much the memories beside one that fits share of what it counts, from 0 to 1.
    """
    query = _WORDS if limits.is_indexed else _WORDS_AMONG
    hits = await rows(transaction, query, lucene=limits.lucene(terms), limit=limit, **limits.parameters)
    scores = {hit["key"]: hit["score"] * _worth(hit) for hit in hits}
    numbers = {hit["key"]: hit["number"] for hit in hits}
    if nearby:
        by_number = {hit["number"]: hit for hit in hits}
        sides: tuple[tuple[LiteralString, Sequence[float]], ...] = ((_AFTER, AFTER), (_BEFORE, BEFORE))
        for side, weights in sides:
            arguments = {**limits.parameters, "hits": list(by_number), "reach": len(weights)}
            for hit, place, beside in _placed(await rows(transaction, side, **arguments)):
                one = by_number[hit]
                if abs(beside["at"] - one["at"]) <= NEARBY:
                    share = nearby * weights[place] * one["score"] * _worth(beside)
                    scores[beside["key"]] = scores.get(beside["key"], 0.0) + share
                    numbers[beside["key"]] = beside["number"]
    return sorted(scores, key=lambda key: (-scores[key], numbers[key]))[:limit]


def _placed(found: Iterable[Record]) -> Iterable[tuple[int, int, Record]]:
    """Each memory beside a hit, with the number of the hit and which one beside it that is."""
    last, place = -1, 0
    for beside in found:
        place = place + 1 if beside["hit"] == last else 0
        last = beside["hit"]
        yield last, place, beside


def _worth(memory: Record) -> float:
    return QUESTION if memory["asks"] else 1.0
