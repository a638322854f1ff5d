"""Writing and forgetting: each is whole or not at all, and may be repeated after a lost connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, LiteralString

from lightagent.adapters._postgres.session import Session
from lightagent.adapters.memory._marks import mark, metadata_marks, owner_mark
from lightagent.adapters.memory._space import Space
from lightagent.adapters.memory.postgres.rows import chosen, record_columns, term_key
from lightagent.adapters.memory.postgres.tables import kept_space, place_of
from lightagent.domain.memory_records import MemoryRecord
from lightagent.domain.search_text import WeighedTerms
from lightagent.domain.vectors import Vector
from lightagent.ports.memory import OwnerSelection

_RECORD: Final[LiteralString] = """INSERT INTO {schema}.records (
    digest, owner, memory_id, namespace, tenant, owner_user, owner_session, agent, content, metadata, written_at,
    length, source, scope, agent_name, trust_level, confidence, expires_at, is_injectable, is_internal, marks)
VALUES (
    %(digest)s, %(owner)s, %(memory_id)s, %(namespace)s, %(tenant)s, %(owner_user)s, %(owner_session)s, %(agent)s,
    %(content)s, %(metadata)s, %(written_at)s, %(length)s, %(source)s, %(scope)s, %(agent_name)s, %(trust_level)s,
    %(confidence)s::float8, %(expires_at)s::float8, %(is_injectable)s, %(is_internal)s, %(marks)s::bytea[])
ON CONFLICT (digest) DO NOTHING
RETURNING id"""

_COUNT: Final[LiteralString] = """INSERT INTO {schema}.owners AS old VALUES (%(owner)s, 1, %(length)s)
    ON CONFLICT (owner) DO UPDATE SET records = old.records + 1, length = old.length + excluded.length"""

_INDEX: Final[LiteralString] = """INSERT INTO {schema}.postings
    SELECT term, %(id)s, weight FROM unnest(%(terms)s::uuid[], %(weights)s::real[]) AS t (term, weight)"""

_VECTOR: Final[LiteralString] = "INSERT INTO {schema}.vectors VALUES (%(id)s, %(owner)s, %(vector)s::text::vector)"

_FORGET: Final[LiteralString] = """WITH gone AS (
    DELETE FROM {schema}.records
    WHERE (%(digests)s::bytea[] IS NULL OR digest = ANY(%(digests)s::bytea[]))"""

_FORGET_REST: Final[LiteralString] = """ RETURNING id, owner, length
), unindexed AS (
    DELETE FROM {schema}.postings USING gone WHERE record = gone.id
), counted AS (
    UPDATE {schema}.owners SET records = owners.records - left_out.records, length = owners.length - left_out.length
    FROM (SELECT owner, count(*) AS records, sum(length) AS length FROM gone GROUP BY owner) AS left_out
    WHERE owners.owner = left_out.owner
)"""

_FORGET_VECTORS: Final[LiteralString] = """, unplaced AS (
    DELETE FROM {schema}.vectors USING gone WHERE record = gone.id
)"""


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
            ConfigurationError: the vectors that are kept are no longer of this space.
        """
        async with session.connection.transaction():
            # Until the end nobody can bring the store over to another embedder.
            await session.row("SELECT FROM {schema}.version FOR SHARE", {})
            if (kept := await kept_space(session)) != self.space:
                self.space.check_against(kept or Space(), place_of(session))
            for one in self.records:
                await _write(session, one)


async def _write(session: Session, prepared: Prepared) -> None:
    record, terms = prepared.record, prepared.terms
    columns = record_columns(record)
    values = {**columns, "length": float(terms.length), "marks": metadata_marks(record.metadata)}
    row = await session.row(_RECORD, values)
    if row is None:
        return
    owner = owner_mark(record.owner)
    await session.execute(_COUNT, {"owner": owner, "length": float(terms.length)})
    if terms.terms:
        keys = [term_key(owner, term) for term in terms.terms]
        await session.execute(_INDEX, {"id": row[0], "terms": keys, "weights": list(terms.weights)})
    if prepared.vector is not None:
        vector = vector_text(prepared.vector)
        await session.execute(_VECTOR, {"id": row[0], "owner": owner, "vector": vector})


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
        digests = None if self.memory_ids is None else [mark(one) for one in self.memory_ids]
        vectors: LiteralString = _FORGET_VECTORS if self.space.embedder else ""
        statement: LiteralString = _FORGET + condition + _FORGET_REST + vectors + " SELECT count(*) FROM gone"
        async with session.connection.transaction():
            row = await session.row(statement, {**values, "digests": digests})
            await session.execute("DELETE FROM {schema}.owners WHERE records = 0")
        count = row[0] if row else 0
        return count if isinstance(count, int) else 0
