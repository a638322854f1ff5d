"""Writing and forgetting: each is whole or not at all, and may be repeated after a lost connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, LiteralString

from lightagent.adapters._postgres.session import Session
from lightagent.adapters.memory._marks import encoded, owner_mark, record_mark
from lightagent.adapters.memory._space import Space
from lightagent.adapters.memory.postgres.facts import Naming, is_named, settle
from lightagent.adapters.memory.postgres.rows import COLUMNS, chosen, record_columns, record_of, term_key
from lightagent.adapters.memory.postgres.tables import VERSION, place_of, space_in
from lightagent.domain.memory.records import MemoryRecord
from lightagent.domain.text.search import WeighedTerms
from lightagent.domain.text.vectors import Vector
from lightagent.ports.memory import OwnerSelection

_COLUMNS: Final[LiteralString] = """digest, owner, memory_id, namespace, tenant, owner_user, owner_session, agent,
    content, metadata, written_at, length, source, scope, agent_name, trust_level, confidence, expires_at,
    is_injectable, is_internal, valid_from, valid_until"""

# One statement, so that it is whole or not at all without a transaction around it. It holds the row of the space until
# its end, so that the store cannot be brought over to another embedder meanwhile.
_WRITE: Final[LiteralString] = (
    """WITH kept AS MATERIALIZED (
    SELECT number, embedder, dimension FROM {schema}.version FOR SHARE
), given AS MATERIALIZED (
    SELECT * FROM unnest(
        %(digest)s::bytea[], %(owner)s::bytea[], %(memory_id)s::bytea[], %(namespace)s::bytea[], %(tenant)s::bytea[],
        %(owner_user)s::bytea[], %(owner_session)s::bytea[], %(agent)s::bytea[], %(content)s::bytea[],
        %(metadata)s::text[], %(written_at)s::float8[], %(length)s::float8[], %(source)s::bytea[], %(scope)s::bytea[],
        %(agent_name)s::bytea[], %(trust_level)s::bytea[], %(confidence)s::float8[], %(expires_at)s::float8[],
        %(is_injectable)s::boolean[], %(is_internal)s::boolean[],
        %(valid_from)s::float8[], %(valid_until)s::float8[], %(marks)s::text[]
    ) WITH ORDINALITY AS one ("""
    + _COLUMNS
    + """, marks, place)
), new AS (
    INSERT INTO {schema}.records ("""
    + _COLUMNS
    + """, marks)
    SELECT """
    + _COLUMNS
    + """, string_to_array(marks, ',')
    FROM given JOIN kept ON kept.number = %(version)s AND kept.embedder = %(embedder)s
        AND kept.dimension = %(dimension)s
    ORDER BY place
    ON CONFLICT (digest) DO NOTHING
    RETURNING id, digest, owner, length
), counted AS (
    INSERT INTO {schema}.owners AS old SELECT owner, count(*), sum(length) FROM new GROUP BY owner ORDER BY owner
    ON CONFLICT (owner) DO UPDATE SET records = old.records + excluded.records, length = old.length + excluded.length
), indexed AS (
    INSERT INTO {schema}.postings
    SELECT term, new.id, weight
    FROM unnest(%(term_places)s::bigint[], %(terms)s::uuid[], %(weights)s::real[]) AS posting (place, term, weight)
    JOIN given USING (place) JOIN new USING (digest)
), superseding AS (
    INSERT INTO {schema}.supersessions
    SELECT superseded, new.id FROM unnest(%(naming)s::bigint[], %(superseded)s::bytea[]) AS named (place, superseded)
    JOIN given USING (place) JOIN new USING (digest)
)"""
)

_VECTORS: Final[LiteralString] = """, placed AS (
    INSERT INTO {schema}.vectors
    SELECT new.id, new.owner, vector::vector
    FROM unnest(%(vectors)s::text[]) WITH ORDINALITY AS vector (vector, place)
    JOIN given USING (place) JOIN new USING (digest)
    WHERE vector IS NOT NULL
)"""

_FORGET: Final[LiteralString] = """WITH gone AS (
    DELETE FROM {schema}.records
    WHERE true"""

_NAMED: Final[LiteralString] = """ AND sha256(memory_id) = ANY(%(digests)s::bytea[])
    AND memory_id = ANY(%(names)s::bytea[])"""

_FORGET_REST: Final[LiteralString] = """ RETURNING id, owner, length
), unindexed AS (
    DELETE FROM {schema}.postings USING gone WHERE record = gone.id
), released AS (
    DELETE FROM {schema}.supersessions USING gone WHERE record = gone.id
), counted AS (
    UPDATE {schema}.owners SET records = owners.records - left_out.records, length = owners.length - left_out.length
    FROM (SELECT owner, count(*) AS records, sum(length) AS length FROM gone GROUP BY owner) AS left_out
    WHERE owners.owner = left_out.owner
)"""

_FORGET_VECTORS: Final[LiteralString] = """, unplaced AS (
    DELETE FROM {schema}.vectors USING gone WHERE record = gone.id
)"""

_OF_ENDING: Final[LiteralString] = " FROM {schema}.records WHERE id IN (SELECT record FROM {schema}.supersessions)"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A record with what it is found by."""

    record: MemoryRecord
    terms: WeighedTerms
    vector: Vector | None


@dataclass(frozen=True, slots=True)
class Write:
    """Records that are to be written, in the order in which they are read."""

    records: Sequence[Prepared]
    space: Space

    async def __call__(self, session: Session) -> None:
        """Write those that are not there.

        Raises:
            ConfigurationError: the stored vectors now belong to another space.
            StoreError: the tables now belong to another release.
        """
        concerned = [Naming.of(one.record) for one in self.records]
        if any(one.superseded for one in concerned):
            async with session.connection.transaction():
                await self._write(session)
                await settle(session, concerned)
            return
        await self._write(session)
        # A memory may arrive after those that take its place.
        if await is_named(session, [one.record for one in self.records]):
            async with session.connection.transaction():
                await settle(session, concerned)

    async def _write(self, session: Session) -> None:
        vectors: LiteralString = _VECTORS if self.space.embedder else ""
        statement: LiteralString = _WRITE + vectors + " SELECT number, embedder, dimension FROM kept"
        row = await session.row(statement, self._values())
        self.space.check_against(space_in(row, session), place_of(session))

    def _values(self) -> dict[str, object]:
        rows = [record_columns(one.record) for one in self.records]
        postings = [
            (place, term_key(owner_mark(one.record.owner), term), weight)
            for place, one in enumerate(self.records, 1)
            for term, weight in zip(one.terms.terms, one.terms.weights, strict=True)
        ]
        named = [
            (place, record_mark(one.record.owner, name))
            for place, one in enumerate(self.records, 1)
            for name in Naming.of(one.record).superseded
        ]
        return {
            **{name: [row[name] for row in rows] for name in rows[0]},
            "naming": [place for place, _ in named],
            "superseded": [mark for _, mark in named],
            "length": [float(one.terms.length) for one in self.records],
            "term_places": [place for place, _, _ in postings],
            "terms": [key for _, key, _ in postings],
            "weights": [weight for _, _, weight in postings],
            "vectors": [None if one.vector is None else vector_text(one.vector) for one in self.records],
            "version": VERSION,
            "embedder": encoded(self.space.embedder),
            "dimension": self.space.dimension,
        }


def vector_text(vector: Vector) -> str:
    """A vector as pgvector reads it."""
    return f"[{','.join(map(repr, vector))}]"


@dataclass(frozen=True, slots=True)
class Forget:
    """Records that are to be removed; see `MemoryStore.forget`."""

    selection: OwnerSelection
    memory_ids: Sequence[str] | None
    space: Space

    async def __call__(self, session: Session) -> int:
        """How many there were."""
        condition, values = chosen(self.selection)
        if self.memory_ids is not None:
            names = [encoded(one) for one in dict.fromkeys(self.memory_ids)]
            condition = condition + _NAMED
            values = {**values, "names": names, "digests": [sha256(name).digest() for name in names]}
        vectors: LiteralString = _FORGET_VECTORS if self.space.embedder else ""
        statement: LiteralString = _FORGET + condition + _FORGET_REST + vectors + " SELECT count(*) FROM gone"
        async with session.connection.transaction():
            ending = [] if self.memory_ids is None else await self._ending(session, condition, values)
            row = await session.row(statement, values)
            if ending:
                await settle(session, ending)
            await session.execute("DELETE FROM {schema}.owners WHERE records = 0")
        count = row[0] if row else 0
        return count if isinstance(count, int) else 0

    async def _ending(self, session: Session, condition: LiteralString, values: dict[str, object]) -> list[Naming]:
        """Those of the records that take the place of others, which hold again without them."""
        statement: LiteralString = "SELECT " + COLUMNS + _OF_ENDING + condition
        found = [record_of(row) for row in await session.rows(statement, values)]
        return [Naming.of(record) for record in found]
