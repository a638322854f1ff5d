"""A search by words and by meaning, as one ranking."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from lightagent.adapters.memory.sqlite.conditions import condition
from lightagent.adapters.memory.sqlite.meaning import by_meaning
from lightagent.adapters.memory.sqlite.reading import records
from lightagent.adapters.memory.sqlite.rows import find_owner
from lightagent.adapters.memory.sqlite.searching import Shelf, by_words
from lightagent.domain.errors import StoreError
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.text.vectors import Vector
from lightagent.domain.tools.ranking import RankedTool, fuse
from lightagent.ports.memory import FailedPart, SearchPart

_LOGGER: Final = logging.getLogger("lightagent")
_FUSED: Final = 50
"""The best of each ranking, which are fused."""
_WORDS: Final = 1.25
"""How much more the words count than the meaning: small models often take what is near for what is meant."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is searched for.

    Attributes:
        terms: of the query.
        vector: the vector of the query; None without an embedder.
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


def search(
    connection: sqlite3.Connection, owner: MemoryOwner, question: Question
) -> tuple[list[MemoryRecord], tuple[FailedPart, ...]]:
    """The records of an owner that say most about what is asked, the best first, and which half could not be searched.

    Raises:
        StoreError, sqlite3.Error: neither half could be, or a record is not what was written.
    """
    known = find_owner(connection, owner)
    if known is None or question.limit < 1:
        return [], ()
    where = condition(known[0], question.wanted)
    limit, vector = question.limit, question.vector
    found: list[int] = []
    failed: list[FailedPart] = []
    try:
        found = by_words(connection, Shelf(*known), question.terms, limit, where, question.nearby)
    except sqlite3.DatabaseError as exc:
        if vector is None or _is_locked(exc):
            raise
        failed.append(_failed("words", exc))
    if vector is not None:
        try:
            near = by_meaning(connection, vector, limit, where, question.nearby)
            found = near if failed else _fused(found, near)
        except (StoreError, sqlite3.DatabaseError) as exc:
            if failed or _is_locked(exc):
                raise
            failed.append(_failed("meaning", exc))
    return records(connection, owner, found[:limit], is_checked=question.is_checked), tuple(failed)


def _failed(part: SearchPart, error: Exception) -> FailedPart:
    _LOGGER.warning("Memories are found without their %s: %s", part, error)
    return FailedPart(part, type(error).__name__)


def _is_locked(error: Exception) -> bool:
    """Whether the file was locked, so that neither half of the search is to blame."""
    return "locked" in str(error)


def _fused(by_words: Sequence[int], by_meaning: Sequence[int]) -> list[int]:
    rankings = [[RankedTool(str(number), 0.0) for number in found[:_FUSED]] for found in (by_words, by_meaning)]
    return [int(one.name) for one in fuse(rankings, (_WORDS, 1.0))]
