"""Searches by words and by meaning, and merges the results into one ranking."""

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
"""The maximum number of results of each ranking that are merged."""
_WORDS: Final = 1.25
"""The weight of the ranking by words; that by meaning has weight 1. Small embedding models often rank memories high
that are about a similar subject but do not answer the query."""


@dataclass(frozen=True, slots=True)
class Question:
    """A query.

    Attributes:
        terms: the terms of the query.
        vector: the vector of the query; None without an embedder.
        limit: the maximum number of results.
        wanted: the filter that selects the memories to search.
        nearby: the share of a memory's score that its neighbours receive.
        is_checked: whether to raise for a memory that differs from what was written.
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
    """Search the memories of an owner by words and, if there is a vector, by meaning.

    Returns:
        The best records, the best first, and the part of the search that failed, if one did.

    Raises:
        StoreError, sqlite3.Error: no part of the search succeeded, the file is locked, or a record differs from what
            was written.
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
    """Return whether the file was locked, which is not a fault of one part of the search."""
    return "locked" in str(error)


def _fused(by_words: Sequence[int], by_meaning: Sequence[int]) -> list[int]:
    rankings = [[RankedTool(str(number), 0.0) for number in found[:_FUSED]] for found in (by_words, by_meaning)]
    return [int(one.name) for one in fuse(rankings, (_WORDS, 1.0))]
