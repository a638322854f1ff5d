"""The tables, made by the first process that uses the store."""

from __future__ import annotations

from typing import Final, LiteralString

from lightagent.adapters._postgres.session import Session
from lightagent.domain.errors import ConfigurationError, StoreError

_LOCK: Final = 0x6C61676A
"""Names the advisory lock under which tables are made: ``lagj`` in ASCII."""

# Names are bytes, since PostgreSQL's text has no null character, and content is text, since jsonb changes numbers and
# refuses escapes. Names are looked up by their digest: an index takes no more than a third of a page.
# What changes with an append stands in no index, so that an append leaves the indexes alone.
_VERSION_1: Final[tuple[LiteralString, ...]] = (
    """CREATE TABLE {schema}.streams (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        digest bytea NOT NULL UNIQUE,
        tenant bytea NOT NULL, owner_user bytea NOT NULL, owner_session bytea NOT NULL,
        kind bytea NOT NULL, name bytea NOT NULL,
        head bigint NOT NULL DEFAULT 0, base bigint NOT NULL DEFAULT 0,
        labels text NOT NULL DEFAULT '{{}}', marks bytea[] NOT NULL DEFAULT ARRAY[]::bytea[],
        created_at float8 NOT NULL DEFAULT 0, updated_at float8 NOT NULL DEFAULT 0,
        size bigint NOT NULL DEFAULT 0, seal text NOT NULL DEFAULT '',
        token bigint NOT NULL DEFAULT 0, holder bytea NOT NULL DEFAULT '', held_until float8 NOT NULL DEFAULT 0,
        lease_request bytea NOT NULL DEFAULT ''
    ) WITH (fillfactor = 70)""",
    "CREATE INDEX streams_by_kind ON {schema}.streams (sha256(kind), id)",
    "CREATE INDEX streams_by_tenant ON {schema}.streams (sha256(tenant), id)",
    "CREATE INDEX streams_by_user ON {schema}.streams (sha256(owner_user), id)",
    "CREATE INDEX streams_by_name ON {schema}.streams (sha256(name), id)",
    "CREATE INDEX streams_by_labels ON {schema}.streams USING gin (marks)",
    """CREATE TABLE {schema}.entries (
        stream bigint NOT NULL, sequence bigint NOT NULL,
        content text NOT NULL, schema bigint NOT NULL, seal text NOT NULL, checksum bigint NOT NULL, append_id bytea,
        PRIMARY KEY (stream, sequence)
    )""",
    # One counter for the whole store, which outlives every stream: no token is ever given twice.
    "CREATE SEQUENCE {schema}.lease_tokens",
)
STEPS: Final = (_VERSION_1,)
"""What brings the tables from each version to the next, beginning with nothing. Steps are only ever added."""
_VERSION: Final = len(STEPS)


async def prepare_tables(session: Session) -> None:
    """Bring the tables to the version of this release. Where they are, a server that accepts no writes will do.

    Raises:
        StoreError: a later release made them.
        ConfigurationError: the database holds no Unicode text.
        psycopg.Error: the server refuses.
    """
    if await _version(session) == _VERSION:
        return
    await _check_encoding(session)
    async with session.connection.transaction():
        await session.execute("SELECT pg_advisory_xact_lock(%(lock)s)", {"lock": _LOCK})
        found = await _version(session)  # Another process may have been faster.
        for step in STEPS[found:]:
            await _take(session, step, first=step is _VERSION_1)
        if found < _VERSION:
            await session.execute("UPDATE {schema}.version SET number = %(number)s", {"number": _VERSION})


async def _take(session: Session, step: tuple[LiteralString, ...], first: bool) -> None:
    if first:
        # IF NOT EXISTS would ask for the right to make schemas even where an administrator has made it.
        there = "SELECT FROM pg_catalog.pg_namespace WHERE nspname = %(schema)s"
        if await session.row(there, {"schema": session.schema}) is None:
            await session.execute("CREATE SCHEMA {schema}")
        await session.execute("CREATE TABLE {schema}.version (number bigint NOT NULL)")
        await session.execute("INSERT INTO {schema}.version VALUES (0)")
    for statement in step:
        await session.execute(statement)


async def _version(session: Session) -> int:
    """The version of the tables, 0 where there are none.

    Raises:
        StoreError: this release does not know it.
    """
    there = "SELECT FROM pg_catalog.pg_tables WHERE schemaname = %(schema)s AND tablename = 'version'"
    if await session.row(there, {"schema": session.schema}) is None:
        return 0
    row = await session.row("SELECT number FROM {schema}.version", {})
    number = row[0] if row else None
    if not isinstance(number, int) or number > _VERSION:
        raise StoreError(
            f"The tables in the schema {session.schema!r} have version {number}; this release knows {_VERSION}.",
            guidance="Upgrade lightagent to the release that made them, or a later one; or name another schema.",
        )
    return number


async def _check_encoding(session: Session) -> None:
    row = await session.row(
        "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = current_database()", {}
    )
    if row is not None and row[0] != "UTF8":
        raise ConfigurationError(
            f"The database has the encoding {row[0]}, which cannot hold every text.",
            guidance="Create one with: CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0",
        )
