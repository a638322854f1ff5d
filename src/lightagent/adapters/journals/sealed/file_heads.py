"""Heads of streams as files: a folder on another disk, or one that only this service may write to."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from lightagent.adapters.journals.sealed.head_text import head_of, head_text
from lightagent.aiokits.job_thread import JobThread
from lightagent.domain.errors import DamagedStream, StoreError
from lightagent.domain.journals.heads import StreamHead
from lightagent.ports.journal_heads import JournalHeads

_SUFFIX: Final = ".json"


class FileHeads(JournalHeads):
    """Keeps each head in a file of its own, which is replaced as a whole. Any number of processes may share a folder.

    Args:
        path: the folder, which is made at the first use; each store needs its own.
        fsync: wait until each head is on the disk, so that a loss of power loses none that was acknowledged.
    """

    def __init__(self, path: str | Path, *, fsync: bool = True) -> None:
        self.path: Path = Path(path).absolute()
        self._fsync = fsync
        self._thread = JobThread("lightagent-heads", self._open, lambda lock: lock.close(), _locked)

    async def find(self, mark: str) -> StreamHead | None:
        return await self._thread.run(lambda _: self._read(mark))

    async def replace(self, mark: str, old: StreamHead | None, new: StreamHead) -> bool:
        return await self._thread.run(lambda _: self._replace(mark, old, new))

    async def known(self) -> AsyncIterator[StreamHead | str]:
        for mark in await self._thread.run(lambda _: self._marks()):
            try:
                head = await self.find(mark)
            except DamagedStream as error:
                yield f"{self._file(mark)}: {error.message} {error.guidance}"
                continue
            if head is not None:
                yield head

    async def aclose(self) -> None:
        await self._thread.aclose()

    def _open(self) -> IO[bytes]:
        with _translate_errors(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
            return (self.path / "lock").open("ab")

    def _read(self, mark: str) -> StreamHead | None:
        with _translate_errors(self.path):
            try:
                return head_of(self._file(mark).read_text("ascii", errors="replace"))
            except FileNotFoundError:
                return None

    def _replace(self, mark: str, old: StreamHead | None, new: StreamHead) -> bool:
        if self._read(mark) != old:
            return False
        with _translate_errors(self.path):
            path = self._file(mark)
            path.parent.mkdir(exist_ok=True)
            fresh = path.with_suffix(".new")  # Only one at a time writes, by the lock.
            with fresh.open("w", encoding="ascii") as file:
                file.write(head_text(new))
                file.flush()
                if self._fsync:
                    os.fsync(file.fileno())
            fresh.replace(path)
            if self._fsync:
                _sync_folder(path.parent)
        return True

    def _marks(self) -> list[str]:
        with _translate_errors(self.path):
            return sorted(path.stem for path in self.path.glob(f"*/*{_SUFFIX}"))

    def _file(self, mark: str) -> Path:
        return self.path / mark[:2] / f"{mark}{_SUFFIX}"


@contextmanager
def _locked(lock: IO[bytes]) -> Generator[None, None, None]:
    """Keep other processes out."""
    if sys.platform == "win32":
        import msvcrt

        lock.seek(0)
        msvcrt.locking(lock.fileno(), msvcrt.LK_LOCK, 1)
        try:
            yield
        finally:
            lock.seek(0)
            msvcrt.locking(lock.fileno(), msvcrt.LK_UNLCK, 1)
    else:
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)


def _sync_folder(path: Path) -> None:
    """Have the new name of a file survive as well; Windows needs no such thing and offers none."""
    if sys.platform != "win32":
        folder = os.open(path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


@contextmanager
def _translate_errors(path: Path) -> Generator[None, None, None]:
    try:
        yield
    except OSError as exc:
        raise StoreError(
            f"{path}: {exc.strerror or exc}.", guidance="Check the folder of the heads, its rights and its room."
        ) from exc
