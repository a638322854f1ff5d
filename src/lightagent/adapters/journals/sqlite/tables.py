"""The tables of the database, made at the first use and brought up to date by the first process that opens it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from lightagent.adapters.journals.sqlite.rows import SIGN_ALL
from lightagent.adapters.journals.sqlite.transactions import snapshot, transaction
from lightagent.domain.errors import StoreError

_APPLICATION: Final = 0x6C61676A
"""Marks a file as ours: ``lagj`` in ASCII."""
_VERSION_1: Final = (
    """CREATE TABLE streams (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant BLOB NOT NULL, user BLOB NOT NULL, session BLOB NOT NULL, kind BLOB NOT NULL, name BLOB NOT NULL,
    head INTEGER NOT NULL, base INTEGER NOT NULL, labels TEXT NOT NULL,
    created_at REAL NOT NULL, updated_at REAL NOT NULL, size INTEGER NOT NULL, seal TEXT NOT NULL,
    token INTEGER NOT NULL DEFAULT 0, holder BLOB NOT NULL DEFAULT x'', held_until REAL NOT NULL DEFAULT 0,
    UNIQUE (tenant, user, session, kind, name)
) STRICT""",
    "CREATE INDEX streams_by_kind ON streams (kind, id)",
    """CREATE TABLE entries (
    stream INTEGER NOT NULL, sequence INTEGER NOT NULL,
    content TEXT NOT NULL, schema INTEGER NOT NULL, seal TEXT NOT NULL, checksum INTEGER NOT NULL,
    PRIMARY KEY (stream, sequence)
) STRICT, WITHOUT ROWID""",
    """CREATE TABLE labels (
    name BLOB NOT NULL, value BLOB NOT NULL, stream INTEGER NOT NULL,
    PRIMARY KEY (name, value, stream)
) STRICT, WITHOUT ROWID""",
    "CREATE INDEX labels_by_stream ON labels (stream)",
    "CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "INSERT INTO counters VALUES ('token', 0)",
)
_VERSION_2: Final = (
    "ALTER TABLE streams ADD COLUMN checksum INTEGER NOT NULL DEFAULT 0",
    SIGN_ALL,
)
STEPS: Final = (_VERSION_1, _VERSION_2)
"""What brings the tables from each version to the next, beginning with nothing. Steps are only ever added."""
_NEWEST: Final = len(STEPS)


def prepare_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the tables to the version of this release; the versions are the numbers of steps taken.

    Raises:
        StoreError: a later release made them, or another program.
    """
    with snapshot(connection):  # Another process may write both marks between the reading of one and the other.
        found = _version(connection, path)
    if found == _NEWEST:
        return
    with transaction(connection):
        found = _version(connection, path)  # Another process may have been faster.
        for step in STEPS[found:]:
            for statement in step:
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {_NEWEST}")


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the tables, 0 for a new file."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != _APPLICATION:
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if version or tables:
            raise StoreError(
                f"{path} is no journal store that can be used: another program made it.", guidance="Name another file."
            )
    elif not 0 < version <= _NEWEST:
        raise StoreError(
            f"The tables in {path} have version {version}; this release of lightagent knows {_NEWEST}.",
            guidance="Upgrade lightagent to the release that made them, or a later one; or name another file.",
        )
    return int(version)
