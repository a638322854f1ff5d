"""Finds memories by their words.

The index gives the best candidates by the statistics of the whole file. They are then put in order by those of their
owner alone (BM25), so that what others write changes nothing. What was written just before or after a memory that fits,
in the same conversation, counts as well: an answer seldom repeats the words of its question, and follows it.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import log
from typing import Final, NamedTuple

from lightagent.adapters.memory._neighbour_scores import AFTER, BEFORE, NEARBY, QUESTION, ranked
from lightagent.adapters.memory.sqlite.conditions import Condition
from lightagent.domain.text.search import Bm25

_BM25: Final = Bm25()
_MOST_TERMS: Final = 64
"""Terms of a query that are looked up, the rarest ones: a query may be a whole document."""
_CANDIDATES: Final = 150
"""Memories that are put in order, at least."""
_LENDERS: Final = 30
"""The best of them, beside which others are looked for."""


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
        nearby: how much the memories beside one that fits share of what it counts.
    """
    rarities = _rarities(connection, shelf, terms)
    if not rarities:
        return []
    match = " OR ".join(f'"{one}"' for one in rarities)
    rows = connection.execute(
        "SELECT m.id, found_by.terms, m.written_at, m.is_question "
        "FROM found_by JOIN memories m ON m.id = found_by.rowid "
        f"WHERE found_by MATCH ? AND {where.text} ORDER BY found_by.rank LIMIT ?",
        (match, *where.values, max(_CANDIDATES, 2 * limit)),
    ).fetchall()
    average = shelf.terms / shelf.memories or 1.0
    scores = {number: _score(text.split(), rarities, average) for number, text, _, _ in rows}
    questions = {number for number, _, _, is_question in rows if is_question}
    total = dict(scores)
    if nearby:
        best = set(ranked(scores)[: max(_LENDERS, limit)])
        lenders = [(number, written_at) for number, _, written_at, _ in rows if number in best]
        for beside in _beside(connection, lenders, where):
            total[beside.number] = total.get(beside.number, 0.0) + nearby * beside.share * scores[beside.lender]
            if beside.is_question:
                questions.add(beside.number)
    return ranked({one: score * (QUESTION if one in questions else 1.0) for one, score in total.items()})


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


class _Beside(NamedTuple):
    """A memory beside one that fits: whose score it shares, how much, and whether it is a question."""

    number: int
    lender: int
    share: float
    is_question: bool


def _beside(
    connection: sqlite3.Connection, lenders: Sequence[tuple[int, float]], where: Condition
) -> Iterator[_Beside]:
    """The memories of the same owner and conversation beside these, if a search may find them."""
    owner = where.values[0]
    for lender, written_at in lenders:
        for comparison, order, shares in ((">", "ASC", AFTER), ("<", "DESC", BEFORE)):
            # The filter is not part of the WHERE clause: filtered rows still count as neighbours.
            rows = connection.execute(
                f"SELECT m.id, m.is_question, m.written_at, ({where.text}) FROM memories m "
                f"WHERE m.owner = ? AND m.id {comparison} ? ORDER BY m.id {order} LIMIT {len(shares)}",
                (*where.values, owner, lender),
            ).fetchall()
            for (number, is_question, at, fits), share in zip(rows, shares, strict=False):
                if abs(at - written_at) > NEARBY:
                    break
                if fits:
                    yield _Beside(number, lender, share, bool(is_question))
