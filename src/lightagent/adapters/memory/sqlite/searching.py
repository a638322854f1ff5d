"""Finds memories by their words.

The index gives the best candidates by the statistics of the whole file. They are then put in order by those of their
owner alone (BM25), so that what others write changes nothing. What was written just before or after a memory that fits,
in the same conversation, counts as well: an answer seldom repeats the words of its question.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Final

from lightagent.adapters.memory.sqlite.conditions import Condition
from lightagent.domain.search_text import Bm25

_BM25: Final = Bm25()
_MOST_TERMS: Final = 64
"""Terms of a query that are looked up, the rarest ones: a query may be a whole document."""
_CANDIDATES: Final = 50
"""Memories that are put in order, at least."""
_LENDERS: Final = 30
"""The best of them, beside which others are looked for."""
_NEARBY: Final = 3600.0
"""Seconds between two memories of one conversation, at most."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """The memories of one owner.

    Attributes:
        number: the owner's in this file.
        memories: how many there are.
        terms: how many terms they have together.
    """

    number: int
    memories: int
    terms: int


def term(owner: int, text: str) -> str:
    """A term as it stands in the index: that of one owner alone."""
    return f"{owner}_{text}"


def by_words(
    connection: sqlite3.Connection, shelf: Shelf, terms: Iterable[str], limit: int, where: Condition, nearby: float
) -> list[int]:
    """The numbers of the memories that share most with a query, the best first.

    Args:
        terms: of the query.
        limit: how many are wanted; there may be more.
        where: those that are looked at.
        nearby: how much a memory counts for those beside it.
    """
    rarities = _rarities(connection, shelf, terms)
    if not rarities:
        return []
    match = " OR ".join(f'"{one}"' for one in rarities)
    rows = connection.execute(
        "SELECT m.id, found_by.terms, m.written_at FROM found_by JOIN memories m ON m.id = found_by.rowid "
        f"WHERE found_by MATCH ? AND {where.text} ORDER BY found_by.rank LIMIT ?",
        (match, *where.values, max(_CANDIDATES, 2 * limit)),
    ).fetchall()
    average = shelf.terms / shelf.memories or 1.0
    scores = {number: _score(text.split(), rarities, average) for number, text, _ in rows}
    if nearby:
        best = sorted(scores, key=lambda number: (-scores[number], number))[: max(_LENDERS, limit)]
        written = {number: at for number, _, at in rows}
        scores = _with_nearby(connection, {number: written[number] for number in best}, scores, where, nearby)
    return sorted(scores, key=lambda number: (-scores[number], number))


def _rarities(connection: sqlite3.Connection, shelf: Shelf, terms: Iterable[str]) -> Mapping[str, float]:
    """How much each of the rarest terms says that this owner's memories have."""
    found: list[tuple[int, str]] = []
    for one in dict.fromkeys(term(shelf.number, text) for text in terms):
        row = connection.execute("SELECT doc FROM known_terms WHERE term = ?", (one,)).fetchone()
        if row is not None:
            found.append((row[0], one))
    found.sort()
    return {one: log(1 + (shelf.memories - count + 0.5) / (count + 0.5)) for count, one in found[:_MOST_TERMS]}


def _score(terms: Sequence[str], rarities: Mapping[str, float], average: float) -> float:
    norm = _BM25.saturation * (1 - _BM25.length_norm + _BM25.length_norm * len(terms) / average)
    counts = Counter(one for one in terms if one in rarities)
    return sum(rarities[one] * count / (count + norm) for one, count in counts.items())


def _with_nearby(
    connection: sqlite3.Connection,
    lenders: Mapping[int, float],
    scores: Mapping[int, float],
    where: Condition,
    nearby: float,
) -> dict[int, float]:
    """The scores, with a part of each for the memories just before and after it."""
    total = dict(scores)
    for number, written_at in lenders.items():
        for beside in _beside(connection, where, number, written_at):
            total[beside] = total.get(beside, 0.0) + nearby * scores[number]
    return total


def _beside(connection: sqlite3.Connection, where: Condition, number: int, written_at: float) -> Iterator[int]:
    """The memories of the same owner that were written just before and after this one, if a search may find them."""
    for comparison, order in (("<", "DESC"), (">", "ASC")):
        row = connection.execute(
            f"SELECT id, written_at FROM memories WHERE owner = ? AND id {comparison} ? ORDER BY id {order} LIMIT 1",
            (where.values[0], number),
        ).fetchone()
        if row is None or abs(row[1] - written_at) > _NEARBY:
            continue
        fits = connection.execute(f"SELECT 1 FROM memories m WHERE m.id = ? AND {where.text}", (row[0], *where.values))
        if fits.fetchone() is not None:
            yield row[0]
