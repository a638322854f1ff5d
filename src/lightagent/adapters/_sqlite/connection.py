"""Opens the database file, with its settings."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal, TypeAlias

from lightagent.adapters._sqlite.transactions import translate_errors
from lightagent.domain.errors import ConfigurationError, StoreError

Synchronous: TypeAlias = Literal["full", "normal"]

WAL_BYTES: Final = 4 * 1024 * 1024
"""The size to which the write-ahead log shrinks once no transaction reads from it."""


class Database(sqlite3.Connection):
    """A connection that knows which file it has opened.

    The system lets an open file be removed or replaced. What is written to it then is lost with the last connection.
    """

    path: Path
    file: tuple[int, int]

    def check_in_place(self) -> None:
        """Raise `StoreError` unless the file still stands where it was opened."""
        if _file_at(self.path) != self.file:
            raise StoreError(
                f"{self.path} was moved, removed or replaced while the store was open; nothing was written.",
                guidance="Put the right file in its place with its -wal, or none, while no store is open. Then close "
                "the store and open it anew.",
            )


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def checked_path(path: str | Path, what: str, otherwise: str) -> Path:
    """The path of a file; SQLite takes some names for a database in memory, of which each thread would have its own.

    Args:
        what: the store that it is for.
        otherwise: the kind of store to use where nothing has to survive.
    """
    if str(path) in ("", ".", ":memory:"):
        raise ConfigurationError(
            f"{str(path)!r} is not the path of a file for a {what}.",
            guidance=f'Name a file, or use the kind "{otherwise}" where nothing has to survive.',
        )
    return Path(path).absolute()


def open_file(
    path: Path,
    synchronous: Synchronous,
    busy_seconds: float,
    prepare: Callable[[Database, Path], None],
) -> Database:
    """A connection to the file, which is made where there is none.

    Args:
        prepare: makes its tables, or checks those that are there.

    Raises:
        StoreError: it cannot be opened, or `prepare` refuses it.
    """
    with translate_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            path, timeout=busy_seconds, isolation_level=None, check_same_thread=False, factory=Database
        )
        try:
            connection.path, connection.file = path, _file_at(path) or (0, 0)
            _set_up(connection, synchronous, busy_seconds)
            prepare(connection, path)
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
