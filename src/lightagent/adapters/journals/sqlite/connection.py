"""Opens the database file, with its settings."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Final, Literal, TypeAlias

from lightagent.adapters.journals.sqlite.rows import add_functions
from lightagent.adapters.journals.sqlite.tables import prepare_tables
from lightagent.adapters.journals.sqlite.transactions import said_plainly

Synchronous: TypeAlias = Literal["full", "normal"]

WAL_BYTES: Final = 4 * 1024 * 1024
"""To which the write-ahead log shrinks once nobody reads from it."""


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
            add_functions(connection)
            prepare_tables(connection, path)
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
