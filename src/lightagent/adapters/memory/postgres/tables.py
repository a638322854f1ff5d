"""The tables, made by the first process that uses the store, and the space of the vectors that are in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, LiteralString

import psycopg

from lightagent.adapters._postgres.session import Session
from lightagent.adapters.memory._marks import decoded, encoded
from lightagent.adapters.memory._space import Space
from lightagent.domain.errors import ConfigurationError, StoreError

_LOCK: Final = 0x6C61676D
"""Names the advisory lock under which tables are made: ``lagm`` in ASCII."""
VERSION: Final = 2

# Names and texts are bytes, since PostgreSQL's text has no null character. What is compared is compared by digests of
# one size: an index takes no more than a third of a page. The digest of a term holds its owner, so that a search never
# even touches what others have written, and each index of records begins with the owner.
_TABLES: Final[tuple[LiteralString, ...]] = (
    "CREATE TABLE {schema}.version (number bigint NOT NULL, embedder bytea NOT NULL, dimension bigint NOT NULL)",
    """CREATE TABLE {schema}.records (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        digest bytea NOT NULL UNIQUE, owner bytea NOT NULL,
        memory_id bytea NOT NULL, namespace bytea NOT NULL, tenant bytea NOT NULL, owner_user bytea NOT NULL,
        owner_session bytea NOT NULL, agent bytea NOT NULL,
        content bytea NOT NULL, metadata text NOT NULL, written_at float8 NOT NULL, length float8 NOT NULL,
        source bytea NOT NULL, scope bytea NOT NULL, agent_name bytea NOT NULL, trust_level bytea NOT NULL,
        confidence float8, expires_at float8, is_injectable boolean NOT NULL, is_internal boolean NOT NULL,
        valid_from float8, valid_until float8, marks text[] NOT NULL
    )""",
    """CREATE INDEX records_by_facts ON {schema}.records
        (owner, is_injectable, is_internal, source, scope, trust_level, agent_name, confidence, expires_at,
        valid_from, valid_until)""",
    "CREATE INDEX records_by_metadata ON {schema}.records USING gin (marks)",
    "CREATE INDEX records_by_tenant ON {schema}.records (sha256(tenant), id)",
    "CREATE INDEX records_by_user ON {schema}.records (sha256(owner_user), id)",
    "CREATE INDEX records_by_name ON {schema}.records (sha256(memory_id), owner)",
    "CREATE INDEX records_by_namespace ON {schema}.records (sha256(namespace), id)",
    "CREATE TABLE {schema}.owners (owner bytea PRIMARY KEY, records bigint NOT NULL, length float8 NOT NULL)",
    """CREATE TABLE {schema}.postings (
        term uuid NOT NULL, record bigint NOT NULL, weight real NOT NULL, PRIMARY KEY (term, record) INCLUDE (weight)
    )""",
    "CREATE INDEX postings_by_record ON {schema}.postings (record)",
    """CREATE TABLE {schema}.supersessions (
        superseded bytea NOT NULL, record bigint NOT NULL, PRIMARY KEY (superseded, record)
    )""",
    "CREATE INDEX supersessions_by_record ON {schema}.supersessions (record)",
    "INSERT INTO {schema}.version VALUES (2, '', 0)",
)
_VECTORS: Final[tuple[LiteralString, ...]] = (
    "CREATE TABLE IF NOT EXISTS {schema}.vectors (record bigint PRIMARY KEY, owner bytea NOT NULL, vector vector)",
    "ALTER TABLE {schema}.vectors ALTER COLUMN vector SET STORAGE PLAIN",
    "CREATE INDEX IF NOT EXISTS vectors_by_owner ON {schema}.vectors (owner)",
)
_KEPT: Final[LiteralString] = "SELECT number, embedder, dimension FROM {schema}.version"
_MOST_NUMBERS: Final = 2_000
"""Of a vector that fits into a page, where no other file has to be looked up."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """Brings the tables to the state that a store of this space needs.

    Attributes:
        space: of the vectors that it writes.
        brings_over: whether vectors of another space are removed; they are made anew afterwards.
    """

    space: Space
    brings_over: bool = False

    async def __call__(self, session: Session) -> None:
        """Make what is missing. Where nothing is, a server that accepts no writes will do.

        Raises:
            StoreError: a later release made the tables.
            ConfigurationError: another embedder wrote them, or the server has no pgvector and vectors are wanted.
            psycopg.Error: the server refuses.
        """
        if (kept := await stored_space(session)) is not None and kept == self.space:
            return
        async with session.connection.transaction():
            await session.execute("SELECT pg_advisory_xact_lock(%(lock)s)", {"lock": _LOCK})
            kept = await stored_space(session)  # Another process may have been faster.
            if kept is None:
                await _make_tables(session)
                kept = Space()
            if kept != self.space:
                await self._change_space(session, kept)

    async def _change_space(self, session: Session, kept: Space) -> None:
        """Where nothing is kept yet, any embedder will do, and where the vectors are made anew."""
        # Writers hold this row until their records are there.
        await session.row("SELECT FROM {schema}.version FOR UPDATE", {})
        if not self.brings_over and await session.row("SELECT FROM {schema}.records LIMIT 1", {}) is not None:
            self.space.check_against(kept, place_of(session))
        if self.brings_over and kept.embedder:
            await session.execute("DELETE FROM {schema}.vectors")
        if self.space.embedder:
            await self._make_vectors(session)
        values = {"embedder": encoded(self.space.embedder), "dimension": self.space.dimension}
        await session.execute("UPDATE {schema}.version SET embedder = %(embedder)s, dimension = %(dimension)s", values)

    async def _make_vectors(self, session: Session) -> None:
        if self.space.dimension > _MOST_NUMBERS:
            raise ConfigurationError(
                f"{self.space} makes larger vectors than the kind postgres keeps, which is {_MOST_NUMBERS} numbers.",
                guidance="Use another embedder, or another kind of memory.",
            )
        there = "SELECT FROM pg_catalog.pg_extension WHERE extname = 'vector'"
        if await session.row(there, {}) is None:
            try:
                async with session.connection.transaction():
                    await session.execute("CREATE EXTENSION vector")
            except (psycopg.errors.UndefinedFile, psycopg.errors.FeatureNotSupported) as exc:
                raise ConfigurationError(
                    "The PostgreSQL server has no pgvector, which memories with an embedder need.",
                    guidance="Install pgvector on the server, or open the memory without an embedder.",
                ) from exc
        for statement in _VECTORS:
            await session.execute(statement)


def place_of(session: Session) -> str:
    """The store as error texts name it."""
    return f"The memory in the schema {session.schema!r}"


async def stored_space(session: Session) -> Space | None:
    """The space of the stored vectors; None if the tables do not exist.

    Raises:
        StoreError: this release does not know the tables.
    """
    there = "SELECT FROM pg_catalog.pg_tables WHERE schemaname = %(schema)s AND tablename = 'version'"
    if await session.row(there, {"schema": session.schema}) is None:
        return None
    return space_in(await session.row(_KEPT, {}), session)


async def check_space(session: Session, space: Space) -> None:
    """Raise unless the vectors that are kept are of this space; another process may have reindexed them meanwhile.

    Raises:
        StoreError: this release does not know the tables.
        ConfigurationError: they are another embedder's.
    """
    space.check_against(space_in(await session.row(_KEPT, {}), session), place_of(session))


def space_in(row: Sequence[object] | None, session: Session) -> Space:
    """The space in the one row of the table `version`.

    Raises:
        StoreError: the tables are those of another release, or the row is gone.
    """
    match row:
        case (int(number), bytes(embedder), int(dimension)) if number == VERSION:
            return Space(decoded(embedder), dimension)
        case _:
            pass
    raise StoreError(
        f"The tables in the schema {session.schema!r} are not those of this release.",
        guidance="Upgrade lightagent to the release that made them, or a later one; or name another schema.",
    )


async def _make_tables(session: Session) -> None:
    # IF NOT EXISTS would ask for the right to make schemas even where an administrator has made it.
    there = "SELECT FROM pg_catalog.pg_namespace WHERE nspname = %(schema)s"
    if await session.row(there, {"schema": session.schema}) is None:
        await session.execute("CREATE SCHEMA {schema}")
    for statement in _TABLES:
        await session.execute(statement)
