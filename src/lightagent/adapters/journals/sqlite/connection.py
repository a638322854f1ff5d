"""Opens the database file: its settings, its tables, and what its errors mean."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Literal, TypeAlias

from lightagent.domain.errors import DamagedStream, LightAgentError, StoreError

Synchronous: TypeAlias = Literal["full", "normal"]

_VERSION: Final = 1
_APPLICATION: Final = 0x6C61676A
"""Marks a file as ours: ``lagj`` in ASCII."""
WAL_BYTES: Final = 4 * 1024 * 1024
"""To which the write-ahead log shrinks once nobody reads from it."""
_TABLES: Final = """
CREATE TABLE streams (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant BLOB NOT NULL, user BLOB NOT NULL, session BLOB NOT NULL, kind BLOB NOT NULL, name BLOB NOT NULL,
    head INTEGER NOT NULL, base INTEGER NOT NULL, labels TEXT NOT NULL,
    created_at REAL NOT NULL, updated_at REAL NOT NULL, size INTEGER NOT NULL, seal TEXT NOT NULL,
    token INTEGER NOT NULL DEFAULT 0, holder BLOB NOT NULL DEFAULT x'', held_until REAL NOT NULL DEFAULT 0,
    UNIQUE (tenant, user, session, kind, name)
) STRICT;
CREATE INDEX streams_by_kind ON streams (kind, id);
CREATE TABLE entries (
    stream INTEGER NOT NULL, sequence INTEGER NOT NULL,
    content TEXT NOT NULL, schema INTEGER NOT NULL, seal TEXT NOT NULL, checksum INTEGER NOT NULL,
    PRIMARY KEY (stream, sequence)
) STRICT, WITHOUT ROWID;
CREATE TABLE labels (
    name BLOB NOT NULL, value BLOB NOT NULL, stream INTEGER NOT NULL,
    PRIMARY KEY (name, value, stream)
) STRICT, WITHOUT ROWID;
CREATE INDEX labels_by_stream ON labels (stream);
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO counters VALUES ('token', 0);
"""


def open_database(path: Path, synchronous: Synchronous, busy_seconds: float) -> sqlite3.Connection:
    """A connection to the file, which is made where there is none.

    Raises:
        StoreError: it cannot be opened, or is not a journal store of a version that is known here.
    """
    with said_plainly(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=busy_seconds, isolation_level=None, check_same_thread=False)
        try:
            _set_up(connection, synchronous, busy_seconds)
            _migrate(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


def _set_up(connection: sqlite3.Connection, synchronous: Synchronous, busy_seconds: float) -> None:
    _switch_to_wal(connection, busy_seconds)
    connection.execute(f"PRAGMA synchronous = {'FULL' if synchronous == 'full' else 'NORMAL'}")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    connection.execute("PRAGMA secure_delete = ON")


def _switch_to_wal(connection: sqlite3.Connection, busy_seconds: float) -> None:
    """Switching to the write-ahead log ignores the busy timeout, so that two who begin at once need this loop."""
    deadline = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL").fetchone()
            return
        except sqlite3.OperationalError as exc:
            if "locked" not in str(exc) or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == _VERSION:
        _check_owner(connection, path)
        return
    with transaction(connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()  # Somebody else may have been faster.
        if version == _VERSION:
            return
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if version or tables:
            raise _foreign(path, f"its version is {version}, and this release knows {_VERSION}")
        for statement in _TABLES.split(";\n"):
            if statement.strip():
                connection.execute(statement)
        connection.execute(f"PRAGMA application_id = {_APPLICATION}")
        connection.execute(f"PRAGMA user_version = {_VERSION}")


def _check_owner(connection: sqlite3.Connection, path: Path) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    if application != _APPLICATION:
        raise _foreign(path, "another program made it")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None, None, None]:
    """Everything within it is written, or nothing is."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


@contextmanager
def savepoint(connection: sqlite3.Connection) -> Generator[None, None, None]:
    """A part of a transaction that is undone alone where it fails."""
    connection.execute("SAVEPOINT part")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK TO part")
            connection.execute("RELEASE part")
        raise
    connection.execute("RELEASE part")


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Generator[None, None, None]:
    """Everything within it is read as of one moment."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:
            connection.execute("COMMIT")


@contextmanager
def said_plainly(path: Path) -> Generator[None, None, None]:
    """Turn the database's errors into ours."""
    try:
        yield
    except LightAgentError:
        raise
    except sqlite3.OperationalError as exc:
        raise StoreError(f"{path}: {exc}.", guidance=_advice(str(exc)), retryable="locked" in str(exc)) from exc
    except sqlite3.DatabaseError as exc:
        raise DamagedStream(f"{path}: {exc}.", guidance="Restore the file from a backup.") from exc
    except OSError as exc:
        raise StoreError(f"{path}: {exc.strerror or exc}.", guidance="Check the path and its rights.") from exc


def _advice(text: str) -> str:
    if "locked" in text:
        return "Another program holds a transaction open; end it, or raise busy_timeout."
    if "full" in text:
        return "Make room on the disk; what was acknowledged is kept."
    if "readonly" in text or "unable to open" in text:
        return "Check the path and its rights."
    return "See the cause."


def _foreign(path: Path, why: str) -> StoreError:
    return StoreError(f"{path} is no journal store that can be used: {why}.", guidance="Name another file.")
