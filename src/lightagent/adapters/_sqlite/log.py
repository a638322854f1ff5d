"""The write-ahead log: begins it anew where it has grown, and finds the processes that keep it from shrinking.

SQLite moves the log into the file up to the oldest moment at which a transaction still reads, and begins the log anew
only where no transaction reads from it. So one transaction that stays open, in any program, makes it grow with
every write.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from lightagent.adapters._sqlite.connection import WAL_BYTES
from lightagent.domain.journals.streams import StoreNote

_READ_LOCKS: Final = range(123, 128)
"""The bytes of the file ``-shm`` that readers lock while they read; see SQLite's description of the WAL-index."""
_LOCKS: Final = Path("/proc/locks")
_LARGE: Final = 16 * 1024 * 1024
"""Bytes of the log from which on a writer waits for the readers, so that it can be begun anew."""
_STEP: Final = 2 * 1024 * 1024
"""Bytes that are written after a vain wait before the next one; twice as many after each further one."""
_PATIENCE: Final = 500
"""Milliseconds that it waits, since a transaction of another program may never end."""


class LogKeeper:
    """Has readers begin from the database file, not from the log, once the log has grown.

    SQLite does so by itself where no transaction reads at the end of a commit. Where readers come without pause that
    may not happen for long, however short each of them is.
    """

    def __init__(self, path: Path) -> None:
        self._log = path.with_name(f"{path.name}-wal")
        self._next, self._step = _LARGE, _STEP
        self._owed, self._patience = False, 0

    def empty(self) -> None:
        """Have the log emptied after this commit, or a later one: what was forgotten still stands in it."""
        if not self._owed:
            self._owed, self._patience = True, _PATIENCE

    def tend(self, connection: sqlite3.Connection) -> None:
        """Begin the log anew if it has grown; to be called after a commit. What goes wrong is left to the next time."""
        if self._owed:
            self._owed = not _checkpoint(connection, "TRUNCATE", self._patience)
            self._patience = 0
        size = _size_of(self._log)
        if size < _LARGE:
            self._next, self._step = _LARGE, _STEP
        if size < self._next:
            return
        # Also where the log is begun anew now: its size shows that only after the next commit.
        self._next, self._step = size + self._step, 2 * self._step
        _checkpoint(connection, "RESTART", _PATIENCE)


def _checkpoint(connection: sqlite3.Connection, how: Literal["RESTART", "TRUNCATE"], patience: int) -> bool:
    """Move the log into the file and begin it anew; whether that was possible.

    Args:
        patience: milliseconds to wait for those who read.
    """
    with suppress(sqlite3.Error):
        (usual,) = connection.execute("PRAGMA busy_timeout").fetchone()
        connection.execute(f"PRAGMA busy_timeout = {patience}")
        try:
            (busy, _, _) = connection.execute(f"PRAGMA wal_checkpoint({how})").fetchone()
            return not busy
        finally:
            connection.execute(f"PRAGMA busy_timeout = {int(usual)}")
    return False


@dataclass(frozen=True, slots=True)
class LogState:
    """What one look at the log showed.

    Attributes:
        size: of the file, in bytes.
        left: whether a part of it could not be moved into the database.
        moved: how much of it was, in pages.
        readers: the processes that were reading, where the system can say.
    """

    size: int
    left: bool
    moved: int
    readers: frozenset[int] = frozenset()


def look_at_log(connection: sqlite3.Connection, path: Path) -> LogState:
    """Move what can be moved without waiting, and see what is left."""
    busy, pages, moved = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    size = _size_of(path.with_name(f"{path.name}-wal"))
    return LogState(size, not busy and moved < pages, moved, _readers(path.with_name(f"{path.name}-shm")))


def notes_of(first: LogState, second: LogState) -> tuple[StoreNote, ...]:
    """What an operator should know, by two looks some time apart; a process that only comes and goes is not in both."""
    size = f"The write-ahead log has {second.size / 1e6:.1f} MB"
    stuck = first.left and second.left and second.moved <= first.moved
    staying = first.readers & second.readers
    if not stuck and not (staying and second.size > 2 * WAL_BYTES):
        return (StoreNote(f"{size}."),)
    who = " and ".join(_described(pid) for pid in sorted(staying)) or "another program"
    return (
        StoreNote(
            f"{size}, and an open transaction of {who} keeps it from shrinking.",
            "End that transaction or that program: the log grows with every write until then.",
        ),
    )


def _size_of(log: Path) -> int:
    try:
        return log.stat().st_size
    except OSError:
        return 0


def _readers(shared: Path) -> frozenset[int]:
    """The processes that hold a lock of readers; Linux alone can say, so there are none elsewhere.

    The file is not opened for that: closing it would give up the locks of this process.
    """
    try:
        inode = shared.stat().st_ino
        lines = _LOCKS.read_text("ascii").splitlines()
    except (OSError, UnicodeDecodeError):
        return frozenset()
    return frozenset(pid for line in lines for pid in _reader(line, inode))


def _reader(line: str, inode: int) -> Iterator[int]:
    """The process of a line such as ``1: POSIX  ADVISORY  READ  4242 fe:00:131076 124 124``, if it is a reader."""
    _, *fields = line.split()
    if len(fields) != 7 or fields[:3] != ["POSIX", "ADVISORY", "READ"]:
        return
    *_, pid, file, start, end = fields
    held = end.isdigit() and start.isdigit() and any(int(start) <= byte <= int(end) for byte in _READ_LOCKS)
    if held and file.rpartition(":")[2] == str(inode) and pid.isdigit() and int(pid):
        yield int(pid)


def _described(pid: int) -> str:
    if pid == os.getpid():
        return "this process"
    name = ""
    with suppress(OSError):
        name = Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").strip()
    return f"process {pid} ({name})" if name else f"process {pid}"
