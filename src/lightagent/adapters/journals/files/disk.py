"""What is asked of the operating system: locks, syncs, files that appear whole, and plain words for its errors."""

from __future__ import annotations

import errno
import os
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from lightagent.domain.errors import LightAgentError, StoreError

if sys.platform != "win32":
    import fcntl

_FIRST_PAUSE: Final = 0.0005
_LONGEST_PAUSE: Final = 0.01
_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_RIGHTS: Final = (errno.EACCES, errno.EPERM, errno.EROFS)
_FILES: Final = (errno.EMFILE, errno.ENFILE)


def lock(file: int, shared: bool, patience: float) -> None:
    """Lock an open file against every other opening of it, in this process and in others of this machine.

    A process that dies leaves no lock behind.

    Raises:
        StoreError: another process or thread held the lock for `patience` seconds.
    """
    if sys.platform == "win32":
        raise _no_locks()
    how = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB
    deadline, pause = time.monotonic() + patience, _FIRST_PAUSE
    while True:
        try:
            fcntl.flock(file, how)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StoreError(
                    f"Another program holds a file of the store locked for more than {patience:g} s.",
                    guidance="End that program if it hangs, or raise busy_timeout.",
                    retryable=True,
                ) from None
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def check_system() -> None:
    """Refuse a system that lacks what this store needs.

    Raises:
        StoreError: it does.
    """
    if sys.platform == "win32":
        raise _no_locks()


def unlock(file: int) -> None:
    """Release a lock before the file is closed."""
    if sys.platform != "win32":
        fcntl.flock(file, fcntl.LOCK_UN)


def sync(file: int) -> None:
    """Return once what was written to the file would survive a loss of power."""
    if sys.platform == "darwin":  # Its fsync leaves the data in the cache of the disk.
        fcntl.fcntl(file, fcntl.F_FULLFSYNC)
    elif sys.platform == "win32":
        os.fsync(file)
    else:
        os.fdatasync(file)


def sync_folder(folder: Path) -> None:
    """Return once the names in a folder would survive a loss of power."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def make_folder(folder: Path) -> None:
    """Create a folder and its parents if they do not exist."""
    if folder.is_dir():
        return
    if folder.parent != folder:
        make_folder(folder.parent)
    with suppress(FileExistsError):  # Another process was faster, or it is a file, which the next use reports.
        folder.mkdir()
    sync_folder(folder.parent)


def write_all(file: int, data: bytes, at: int) -> None:
    """Write at an offset of a file."""
    rest = memoryview(data)
    while rest:
        count = os.pwrite(file, rest, at)
        rest, at = rest[count:], at + count


def add(file: int, data: bytes, at: int) -> None:
    """Write at the end `at` of a file and sync; what fails leaves the file as it was, as far as the system lets it."""
    try:
        write_all(file, data, at)
        sync(file)
    except OSError:
        with suppress(OSError):  # What stays is without its mark of the commit, and the next append cuts it off.
            os.ftruncate(file, at)
        raise


@contextmanager
def translate_errors(path: Path) -> Generator[None, None, None]:
    """Turn the system's errors into ours."""
    try:
        yield
    except LightAgentError:
        raise
    except OSError as exc:
        place = exc.filename or path
        raise StoreError(f"{place}: {exc.strerror or exc}.", guidance=_advice(exc.errno)) from exc


def _no_locks() -> StoreError:
    return StoreError("Windows has no file locks of the kind that the store `files` needs.", guidance="Use `sqlite`.")


def _advice(code: int | None) -> str:
    if code in _FULL:
        return "Make room on the disk, or raise its limit; what was acknowledged is kept."
    if code in _RIGHTS:
        return "Check the rights of the store's directory and whether its disk is mounted for writing."
    if code == errno.ENOENT:
        return "The store's directory is gone: mount its disk or restore it, then open the store anew."
    if code in (errno.ENOTDIR, errno.EEXIST):
        return "A file stands in the way: name another directory."
    if code in _FILES:
        return "Raise the limit of open files (ulimit -n)."
    return "Check the disk; what was acknowledged before is kept."
