"""Searching: by terms (BM25), by vectors, and by both; and reading page by page.

Vectors of an owner are compared one by one, by an index of owners. An index of nearest neighbours is not made: it looks
for the neighbours of all owners and leaves out the others' afterwards, so that an owner among many whose memories are
nearer would find too few of their own.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, LiteralString, TypeAlias

import psycopg

from lightagent.adapters._postgres.session import Session
from lightagent.adapters.memory._marks import owner_mark
from lightagent.adapters.memory._space import Space
from lightagent.adapters.memory._terms import MOST_QUERY_TERMS
from lightagent.adapters.memory.postgres.rows import COLUMNS, FITTING, chosen, filter_values, record_of, term_key
from lightagent.adapters.memory.postgres.tables import check_space
from lightagent.adapters.memory.postgres.writing import vector_text
from lightagent.domain.errors import StoreError
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.text.vectors import Vector
from lightagent.ports.memory import FailedPart, MemoryPage, OwnerSelection, SearchPart

_Half: TypeAlias = Callable[[Session, dict[str, object]], Awaitable[list[int]]]

# The settings of `Bm25` in domain/search_text stand here once more.
_BY_TERMS: Final[LiteralString] = (
    """WITH hit AS MATERIALIZED (
    SELECT term, record, weight FROM {schema}.postings WHERE term = ANY(%(terms)s::uuid[])
), total AS (
    SELECT records, greatest(length / greatest(records, 1), 1e-9) AS average FROM {schema}.owners
    WHERE owner = %(owner)s AND records > 0
), rarity AS (
    SELECT term, ln(1 + (greatest(max(records), count(*)) - count(*) + 0.5) / (count(*) + 0.5)) AS factor
    FROM hit CROSS JOIN total GROUP BY term
)
SELECT r.id
FROM hit JOIN rarity USING (term) JOIN {schema}.records AS r ON r.id = hit.record CROSS JOIN total
WHERE true"""
    + FITTING
    + """
GROUP BY r.id
ORDER BY sum(factor * weight / (weight + 1.2 * (0.6 + 0.4 * r.length / average))) DESC, r.id
LIMIT %(limit)s"""
)

_RAREST: Final[LiteralString] = """SELECT term FROM {schema}.postings WHERE term = ANY(%(terms)s::uuid[])
GROUP BY term ORDER BY count(*), term LIMIT %(limit)s"""

_BY_VECTOR: Final[LiteralString] = (
    """SELECT r.id FROM {schema}.vectors AS v JOIN {schema}.records AS r ON r.id = v.record
WHERE v.owner = %(owner)s"""
    + FITTING
    + " ORDER BY v.vector <#> %(vector)s::text::vector, r.id LIMIT %(limit)s"
)

_FUSED: Final = 2
"""The constant of reciprocal rank fusion, as Qdrant has it: the first few of each search count most."""
_LOGGER: Final = logging.getLogger("lightagent")
_HALF_FAILS: Final = (
    psycopg.ProgrammingError,
    psycopg.DataError,
    psycopg.InternalError,
    psycopg.NotSupportedError,
    psycopg.errors.QueryCanceled,
)
"""Errors of one statement, after which the connection serves for another."""
_CANDIDATES: Final = 50
"""How many of each search are fused, at least."""


@dataclass(frozen=True, slots=True)
class Search:
    """A query by its terms and, where there is an embedder, its vector; see `MemoryStore.recall`."""

    owner: MemoryOwner
    terms: Sequence[str]
    vector: Vector | None
    limit: int
    wanted: RecallFilter
    space: Space

    async def __call__(self, session: Session) -> tuple[list[MemoryRecord], tuple[FailedPart, ...]]:
        """The records that fit best, the best first, and the half of the search that failed.

        Raises:
            ConfigurationError: the stored vectors now belong to another space.
            psycopg.Error: both halves failed, or the only one did.
        """
        await check_space(session, self.space)
        values = filter_values(self.owner, self.wanted)
        depth = self.limit if self.vector is None else max(self.limit, _CANDIDATES)
        rankings: list[list[int]] = []
        failed: list[FailedPart] = []
        halves: tuple[tuple[SearchPart, _Half], ...] = (("words", self._by_terms), ("meaning", self._by_vector))
        for part, looked in halves:
            try:
                rankings.append(await looked(session, {**values, "limit": depth}))
            except _HALF_FAILS as exc:
                if self.vector is None or not self.terms or failed:
                    raise
                _LOGGER.warning("Memories are found without their %s: %s", part, type(exc).__name__)
                failed.append(FailedPart(part, type(exc).__name__))
        best = _fused(rankings)[: self.limit]
        statement: LiteralString = "SELECT " + COLUMNS + " FROM {schema}.records WHERE id = ANY(%(ids)s::bigint[])"
        rows = {row[0]: row for row in await session.rows(statement, {"ids": best})} if best else {}
        found = [record_of(rows[one]) for one in best if one in rows]
        if any(record.owner != self.owner for record in found):
            raise StoreError(
                "A memory of another owner was found; none is given.",
                guidance="Another program changed the database. Restore it from a backup.",
            )
        return found, tuple(failed)

    async def _by_vector(self, session: Session, values: dict[str, object]) -> list[int]:
        if self.vector is None:
            return []
        return _ids(await session.rows(_BY_VECTOR, {**values, "vector": vector_text(self.vector)}))

    async def _by_terms(self, session: Session, values: dict[str, object]) -> list[int]:
        if not self.terms:
            return []
        owner = owner_mark(self.owner)
        keys: list[object] = [term_key(owner, term) for term in self.terms]
        if len(keys) > MOST_QUERY_TERMS:
            rarest = await session.rows(_RAREST, {"terms": keys, "limit": MOST_QUERY_TERMS})
            keys = [row[0] for row in rarest]
        return _ids(await session.rows(_BY_TERMS, {**values, "terms": keys}))


def _ids(rows: Sequence[Sequence[object]]) -> list[int]:
    return [row[0] for row in rows if isinstance(row[0], int)]


def _fused(rankings: Sequence[Sequence[int]]) -> list[int]:
    """Reciprocal rank fusion; of two that are as good the earlier record."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, one in enumerate(ranking, 1):
            scores[one] = scores.get(one, 0.0) + 1 / (_FUSED + rank)
    return sorted(scores, key=lambda one: (-scores[one], one))


@dataclass(frozen=True, slots=True)
class Read:
    """A page; see `MemoryStore.read`."""

    selection: OwnerSelection
    limit: int
    after: int

    async def __call__(self, session: Session) -> MemoryPage:
        """The records, and where the next page begins."""
        condition, values = chosen(self.selection)
        statement: LiteralString = (
            "SELECT "
            + COLUMNS
            + " FROM {schema}.records WHERE id > %(after)s"
            + condition
            + " ORDER BY id LIMIT %(limit)s"
        )
        rows = await session.rows(statement, {**values, "after": self.after, "limit": self.limit + 1})
        page = tuple(record_of(row) for row in rows[: self.limit])
        return MemoryPage(page, str(rows[self.limit - 1][0]) if len(rows) > self.limit else None)
