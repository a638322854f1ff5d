"""Folders that take one client a process, and one process at a time, by a lock on a file.

All memories of a process that name a folder share what serves it: a thread that owns the client and carries out one
call after another, off every event loop. The system releases the lock when the process ends, however it ends.
"""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import IO, Final, Generic, TypeAlias, TypeVar

from lightagent.aiokits.job_thread import JobThread
from lightagent.domain.errors import StoreError

ClientT = TypeVar("ClientT")
T = TypeVar("T")

Around: TypeAlias = Callable[[ClientT], AbstractContextManager[object]]

_OPENING_SECONDS: Final = 30.0
"""How long a client waits until the one before it, of the same folder and process, is closed."""


class Folder(Generic[ClientT]):
    """A folder and its one client, which is opened at the first use and closed after the last.

    Args:
        open: makes the client; it raises `StoreError` where the folder cannot be used.
        close: closes it.
        around: is entered before deeds that are carried out together and left after them.
    """

    def __init__(
        self, open: Callable[[], ClientT], close: Callable[[ClientT], object], around: Around[ClientT] = nullcontext
    ) -> None:
        self._users: weakref.WeakSet[object] = weakref.WeakSet()
        taken = threading.Lock()
        self._thread = JobThread(
            "lightagent-qdrant", partial(_open, open, taken), partial(_close, close, taken), around
        )

    async def run(self, user: object, work: Callable[[ClientT], T]) -> T:
        """What the work returns or raises; the folder stays open for this user until they leave."""
        self._users.add(user)
        return await self._thread.run(work)

    async def leave(self, user: object) -> None:
        """Close the client if no other store uses it."""
        self._users.discard(user)
        if not self._users:
            await self._thread.aclose()


class Folders(Generic[ClientT]):
    """The folders that are in use, each once.

    Args:
        open: makes the client of a folder.
        close: closes one.
        around: is entered before deeds that are carried out together and left after them.
    """

    def __init__(
        self, open: Callable[[Path], ClientT], close: Callable[[ClientT], object], around: Around[ClientT] = nullcontext
    ) -> None:
        self._open = open
        self._close = close
        self._around = around
        self._lock = threading.Lock()
        self._known: weakref.WeakValueDictionary[Path, Folder[ClientT]] = weakref.WeakValueDictionary()

    def at(self, path: Path) -> Folder[ClientT]:
        """The folder of this path, however it is written."""
        place = path.resolve()
        with self._lock:
            found = self._known.get(place)
            if found is None:
                found = self._known[place] = Folder(partial(self._open, place), self._close, self._around)
            return found


def in_use(path: Path) -> StoreError:
    """What is raised where another process has a folder open."""
    return StoreError(
        f"The Qdrant folder {path} is in use by another process.",
        guidance="A folder takes one process at a time. Close the other one, or use a Qdrant server.",
        retryable=True,
    )


def _open(open: Callable[[], ClientT], taken: threading.Lock) -> ClientT:
    if not taken.acquire(timeout=_OPENING_SECONDS):
        raise StoreError("The Qdrant folder is still being closed.", guidance="Try again.", retryable=True)
    opened = False
    try:
        client = open()
        opened = True
        return client
    finally:
        if not opened:
            taken.release()


def _close(close: Callable[[ClientT], object], taken: threading.Lock, client: ClientT) -> None:
    try:
        with suppress(OSError):
            close(client)
    finally:
        taken.release()


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
