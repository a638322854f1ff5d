"""A search by words and by meaning, as one ranking."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lightagent.adapters.memory.sqlite.conditions import condition
from lightagent.adapters.memory.sqlite.meaning import by_meaning
from lightagent.adapters.memory.sqlite.reading import records
from lightagent.adapters.memory.sqlite.rows import find_owner
from lightagent.adapters.memory.sqlite.searching import Shelf, by_words
from lightagent.domain.memory_records import MemoryOwner, MemoryRecord
from lightagent.domain.ranking import RankedTool, fuse
from lightagent.domain.recall_filter import RecallFilter
from lightagent.domain.vectors import Vector

_FUSED: Final = 50
"""The best of each ranking, which are fused."""
_WORDS: Final = 1.25
"""How much more the words count than the meaning: small models often take what is near for what is meant."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is searched for.

    Attributes:
        terms: of the query.
        vector: of the query; None where nothing makes one.
        limit: how many memories are wanted.
        wanted: which of them are looked at.
        nearby: how much the memories beside one that fits share of what it counts.
        is_checked: whether one that is not what was written is refused.
    """

    terms: Sequence[str]
    vector: Vector | None
    limit: int
    wanted: RecallFilter
    nearby: float
    is_checked: bool = True


def search(connection: sqlite3.Connection, owner: MemoryOwner, question: Question) -> list[MemoryRecord]:
    """The records of an owner that say most about what is asked, the best first."""
    known = find_owner(connection, owner)
    if known is None or question.limit < 1:
        return []
    where = condition(known[0], question.wanted)
    found = by_words(connection, Shelf(*known), question.terms, question.limit, where, question.nearby)
    if question.vector is not None:
        found = _fused(found, by_meaning(connection, question.vector, question.limit, where, question.nearby))
    return records(connection, owner, found[: question.limit], is_checked=question.is_checked)


def _fused(by_words: Sequence[int], by_meaning: Sequence[int]) -> list[int]:
    rankings = [[RankedTool(str(number), 0.0) for number in found[:_FUSED]] for found in (by_words, by_meaning)]
    return [int(one.name) for one in fuse(rankings, (_WORDS, 1.0))]
