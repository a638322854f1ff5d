"""What is written or read together, and what the database's errors mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from lightagent.domain.errors import DamagedStream, LightAgentError, StoreError

RESTORE: Final = "Restore the file from a backup."
"""The guidance of each error that tells of damage."""


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
        if connection.in_transaction:  # Nothing was written; a damaged index fails where it is to be committed.
            connection.execute("ROLLBACK")


@contextmanager
def translate_errors(path: Path, damaged: type[StoreError] = DamagedStream) -> Generator[None, None, None]:
    """Turn the database's errors into ours.

    Args:
        damaged: the error that tells of damage.
    """
    try:
        yield
    except LightAgentError:
        raise
    except UnicodeDecodeError as exc:  # A message of SQLite that quotes what was damaged.
        raise damaged(f"{path}: its tables are not what was written.", guidance=RESTORE) from exc
    except sqlite3.OperationalError as exc:
        if _tells_of_damage(str(exc)):
            raise damaged(f"{path}: {exc}.", guidance=RESTORE) from exc
        raise StoreError(f"{path}: {exc}.", guidance=_advice(str(exc)), retryable="locked" in str(exc)) from exc
    except sqlite3.DatabaseError as exc:
        raise damaged(f"{path}: {exc}.", guidance=RESTORE) from exc
    except OSError as exc:
        raise StoreError(f"{path}: {exc.strerror or exc}.", guidance="Check the path and its rights.") from exc


def _tells_of_damage(text: str) -> bool:
    """Whether an error that may have many causes is about tables or text which are not what was written."""
    return any(words in text for words in ("no such column", "no such table", "Could not decode"))


def _advice(text: str) -> str:
    if "locked" in text:
        return "Another program holds a transaction open; end it, or raise busy_timeout."
    if "full" in text:
        return "Make room on the disk; what was acknowledged is kept."
    if "disk I/O" in text:
        return "Check the disk, its limits and quotas; what was acknowledged is kept."
    if "readonly" in text or "unable to open" in text:
        return "Check the path and its rights."
    return ""
