"""Where a program is killed: before, within or after a call to the system, SQLite or PostgreSQL.

The calls are wrapped in the program that is to die, so the stores know nothing of it. Killed means SIGKILL: no handler,
no `finally` and no `atexit` runs. A kill within a write leaves a part of what was to be written, of random length. What
was written to a file and not synced is lost with the process, from a random byte on, as if the machine had lost power.
"""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal

When = Literal["before", "within", "after"]


@dataclass(frozen=True, slots=True)
class Point:
    """A moment at which a program dies.

    Attributes:
        deed: during which deed.
        call: the function of the system, or the beginning of the statement.
        where: a part of the path that the call is about; empty for any.
    """

    deed: str
    call: str
    when: When
    where: str = ""


FILES: Final = {
    "before an append is written": Point("append", "pwrite", "before", "/streams/"),
    "within the write of an append": Point("append", "pwrite", "within", "/streams/"),
    "after the write of an append and before its sync": Point("append", "fdatasync", "before", "/streams/"),
    "after the sync of an append and before it is acknowledged": Point("append", "fdatasync", "after", "/streams/"),
    "when a new stream has its number and no file": Point("create", "fdatasync", "after", "store.jsonl"),
    "within the write of a new stream": Point("create", "pwrite", "within", "/new/"),
    "before the file of a new stream gets its name": Point("create", "replace", "before", "/streams/"),
    "after the file of a new stream got its name": Point("create", "replace", "after", "/streams/"),
    "when a lease has its number and is not given": Point("lease", "fdatasync", "after", "store.jsonl"),
    "within the number of a lease": Point("lease", "pwrite", "within", "store.jsonl"),
    "within the row of a lease": Point("lease", "pwrite", "within", "/streams/"),
    "while the numbers are written anew": Point("many leases", "replace", "before", "store.jsonl"),
    "before a stream is removed": Point("forget", "unlink", "before", ".jsonl"),
    "after a stream was removed and before the sync": Point("forget", "unlink", "after", ".jsonl"),
    "within the copy of what is kept of a stream": Point("prune", "pwrite", "within", "/new/"),
    "before what is kept takes the place of a stream": Point("prune", "replace", "before", "/streams/"),
    "after what is kept took the place of a stream": Point("prune", "replace", "after", "/streams/"),
    "before a torn end is cut off": Point("mend", "ftruncate", "before", "/streams/"),
    "after a torn end was cut off": Point("mend", "ftruncate", "after", "/streams/"),
    "before a new store is marked as one": Point("begin", "replace", "before", "store.jsonl"),
    "after a new store was marked as one": Point("begin", "replace", "after", "store.jsonl"),
}

SQLITE: Final = {
    "before an append is written": Point("append", "BEGIN IMMEDIATE", "before"),
    "within the write of an append": Point("append", "INSERT INTO entries", "after"),
    "after the write of an append and before its commit": Point("append", "COMMIT", "before"),
    "within the commit of an append": Point("append", "COMMIT", "within"),
    "after the commit of an append and before it is acknowledged": Point("append", "COMMIT", "after"),
    "when a new stream has its row and no entry": Point("create", "INSERT INTO streams", "after"),
    "within the commit of a new stream": Point("create", "COMMIT", "within"),
    "when a lease has its number and is not given": Point("lease", "UPDATE counters", "after"),
    "within the commit of a lease": Point("lease", "COMMIT", "within"),
    "after the commit of a lease and before it is acknowledged": Point("lease", "COMMIT", "after"),
    "when a stream's entries are removed and its row is not": Point("forget", "DELETE FROM labels", "after"),
    "within the commit that forgets a stream": Point("forget", "COMMIT", "within"),
    "before the log is emptied": Point("forget", "PRAGMA wal_checkpoint", "before"),
    "within the checkpoint that empties the log": Point("forget", "PRAGMA wal_checkpoint", "within"),
    "after the log was emptied": Point("forget", "PRAGMA wal_checkpoint", "after"),
    "when the front of a stream is removed": Point("prune", "DELETE FROM entries", "after"),
    "after a new file became one with a log": Point("begin", "PRAGMA journal_mode", "after"),
    "within the making of the tables": Point("begin", "CREATE TABLE entries", "after"),
    "within the commit of the tables": Point("begin", "COMMIT", "within"),
    "when older tables have a new column": Point("migrate", "ALTER TABLE", "after"),
    "when older rows are brought up to date": Point("migrate", "UPDATE streams SET checksum", "after"),
    "when older tables have a new version": Point("migrate", "PRAGMA user_version =", "after"),
    "within the commit that migrates older tables": Point("migrate", "COMMIT", "within"),
}

POSTGRES: Final = {
    "before an append is sent": Point("append", "WITH stream", "before"),
    "after an append was sent": Point("append", "WITH stream", "within"),
    "after an append was answered and before it is acknowledged": Point("append", "WITH stream", "after"),
    "after a new stream was sent": Point("create", "WITH stream", "within"),
    "when a lease has its row": Point("lease", "INSERT INTO", "after"),
    "when a lease has its number": Point("lease", "UPDATE", "after"),
    "after the commit of a lease was sent": Point("lease", "COMMIT", "within"),
    "after the commit of a lease and before it is acknowledged": Point("lease", "COMMIT", "after"),
    "when a stream's row is removed and its entries are not": Point("forget", "DELETE FROM", "after"),
    "after the commit that forgets a stream was sent": Point("forget", "COMMIT", "within"),
    "before the front of a stream is committed as removed": Point("prune", "COMMIT", "before"),
    "within the making of the tables": Point("begin", "CREATE INDEX", "after"),
    "after the commit of the tables was sent": Point("begin", "COMMIT", "within"),
}

POINTS: Final = {"files": FILES, "sqlite": SQLITE, "postgres": POSTGRES}


class Trigger:
    """Knows the point, and whether its deed is under way."""

    def __init__(self, point: Point | None, seed: int) -> None:
        self._point = point
        self.armed = False
        self.chance = random.Random(seed)
        self.lose_unsynced: Callable[[], None] = lambda: None

    def hits(self, call: str, when: When, where: str = "") -> bool:
        """Whether the program is to die here."""
        point = self._point
        return (
            point is not None
            and self.armed
            and when == point.when
            and call.startswith(point.call)
            and point.where in where
        )

    def kill(self, call: str, when: When, where: str = "") -> None:
        """Die if this is the point."""
        if self.hits(call, when, where):
            self.die()

    def die(self) -> None:
        """End this process as `kill -9` does."""
        self.lose_unsynced()
        os.kill(os.getpid(), signal.SIGKILL)
