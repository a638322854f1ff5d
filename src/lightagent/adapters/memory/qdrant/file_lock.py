"""Keeps other processes out of a folder. The system takes the lock back when the process ends, however it ends."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO


def locked(path: Path) -> IO[str]:
    """Open the file, which is created if it does not exist, and lock it until it is closed.

    Raises:
        BlockingIOError: another process has locked it.
        OSError: it cannot be opened.
    """
    file = path.open("a", encoding="utf-8")
    try:
        _lock(file)
    except BaseException:
        file.close()
        raise
    return file


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[str]) -> None:
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError as exc:
            raise BlockingIOError(str(exc)) from exc

else:
    import fcntl

    def _lock(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
