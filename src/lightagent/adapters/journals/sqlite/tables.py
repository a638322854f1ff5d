"""The tables of the database, made at the first use and brought up to date by the first process that opens it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from lightagent.adapters._sqlite.connection import Database, Synchronous, open_file
from lightagent.adapters._sqlite.versions import Tables
from lightagent.adapters.journals.sqlite.rows import SIGN_ALL, add_functions

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
_TABLES: Final = Tables("journal store", _APPLICATION, STEPS)


def prepare_tables(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the tables to the version of this release.

    Raises:
        StoreError: a later release made them, or another program.
    """
    _TABLES.prepare(connection, path)


def open_database(path: Path, synchronous: Synchronous, busy_seconds: float) -> Database:
    """Open a connection to the file, which is created if it does not exist.

    Raises:
        StoreError: it cannot be opened, or is not a journal store of a version that is known here.
    """

    def prepare(connection: Database, path: Path) -> None:
        add_functions(connection)
        prepare_tables(connection, path)

    return open_file(path, synchronous, busy_seconds, prepare)
