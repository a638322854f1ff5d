"""Makes anew what memories are found by: for another embedder, for vectors that are missing, for terms of a later
release. Each step may be repeated; where it breaks off, memories are found by their words until it is done again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, LiteralString

from lightagent.adapters._postgres.session import Session
from lightagent.adapters.memory._marks import owner_mark
from lightagent.adapters.memory._space import Space
from lightagent.adapters.memory.postgres.rows import COLUMNS, record_of, term_key
from lightagent.adapters.memory.postgres.writing import Prepared, vector_text
from lightagent.domain.memory.records import MemoryRecord

_LENGTHS: Final[LiteralString] = """UPDATE {schema}.records SET length = given.length
FROM unnest(%(ids)s::bigint[], %(lengths)s::float8[]) AS given (id, length) WHERE records.id = given.id"""

_REMOVE: Final[LiteralString] = "DELETE FROM {schema}.postings WHERE record = ANY(%(ids)s::bigint[])"

_INDEX: Final[LiteralString] = """INSERT INTO {schema}.postings
SELECT term, record, weight FROM unnest(%(places)s::bigint[], %(terms)s::uuid[], %(weights)s::real[])
    AS posting (record, term, weight)
WHERE EXISTS (SELECT FROM {schema}.records WHERE id = record)"""

_PLACE: Final[LiteralString] = """INSERT INTO {schema}.vectors
SELECT id, owner, vector::vector FROM unnest(%(ids)s::bigint[], %(owners)s::bytea[], %(vectors)s::text[])
    AS given (id, owner, vector)
WHERE EXISTS (SELECT FROM {schema}.records WHERE records.id = given.id)
ON CONFLICT (record) DO UPDATE SET vector = excluded.vector"""

_COUNT: Final[LiteralString] = """UPDATE {schema}.owners SET records = found.records, length = found.length
FROM (SELECT owner, count(*) AS records, sum(length) AS length FROM {schema}.records GROUP BY owner) AS found
WHERE owners.owner = found.owner"""


@dataclass(frozen=True, slots=True)
class Next:
    """The records after a number, with theirs."""

    after: int
    limit: int

    async def __call__(self, session: Session) -> list[tuple[int, MemoryRecord]]:
        """At most `limit` of them."""
        statement: LiteralString = (
            "SELECT " + COLUMNS + " FROM {schema}.records WHERE id > %(after)s ORDER BY id LIMIT %(limit)s"
        )
        rows = await session.rows(statement, {"after": self.after, "limit": self.limit})
        return [(row[0], record_of(row)) for row in rows if isinstance(row[0], int)]


@dataclass(frozen=True, slots=True)
class Index:
    """Records with their numbers, and what they are found by from now on."""

    records: Sequence[tuple[int, Prepared]]
    space: Space

    async def __call__(self, session: Session) -> None:
        """Put it in the place of what was there; what was forgotten meanwhile stays so."""
        ids = [number for number, _ in self.records]
        postings = [
            (number, term_key(owner_mark(one.record.owner), term), weight)
            for number, one in self.records
            for term, weight in zip(one.terms.terms, one.terms.weights, strict=True)
        ]
        async with session.connection.transaction():
            lengths = [float(one.terms.length) for _, one in self.records]
            await session.execute(_LENGTHS, {"ids": ids, "lengths": lengths})
            await session.execute(_REMOVE, {"ids": ids})
            values = {
                "places": [number for number, _, _ in postings],
                "terms": [key for _, key, _ in postings],
                "weights": [weight for _, _, weight in postings],
            }
            await session.execute(_INDEX, values)
            if self.space.embedder:
                await session.execute(_PLACE, self._vectors())

    def _vectors(self) -> dict[str, object]:
        placed = [(number, one.record.owner, one.vector) for number, one in self.records if one.vector is not None]
        return {
            "ids": [number for number, _, _ in placed],
            "owners": [owner_mark(owner) for _, owner, _ in placed],
            "vectors": [vector_text(vector) for _, _, vector in placed],
        }


async def count_anew(session: Session) -> None:
    """The statistics of each owner, while no other writer is at work."""
    async with session.connection.transaction():
        await session.row("SELECT FROM {schema}.version FOR UPDATE", {})
        await session.execute(_COUNT)
