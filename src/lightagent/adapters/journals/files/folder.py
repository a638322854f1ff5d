"""The directory of a store: which file stands where, how they come to be, and the numbers that the store gives.

store.jsonl      what this is, and the last numbers given: places in the order of creation, tokens of leases
lock             locked while streams are made or removed, or a number is given
streams/         a file a stream, `<name>.jsonl`; beside it `<name>.torn` with what a crash cut off, if one did
new/             files that are not whole yet
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from lightagent.adapters.journals.files.disk import (
    add,
    check_system,
    lock,
    make_folder,
    sync,
    sync_folder,
    translate_errors,
    unlock,
    write_all,
)
from lightagent.adapters.journals.files.lines import Ends, body_of, checked_line, seed_of
from lightagent.domain.errors import StoreError

_STORE: Final = seed_of("store")
_FORMAT: Final = b'"format":"lightagent journal store","version":1}'
_MOST_BYTES: Final = 64 * 1024
"""Of the file of numbers, before only its last line is kept."""

_LAST_BYTES: Final = 512
"""Of the same, in which its last line nearly always is."""

_MOST_ENDS: Final = 64
"""Streams of which it is remembered how their files begin and end."""


class Folder:
    """The open directory. It holds no file open, so that nothing is shared with a process that is forked off.

    Args:
        busy_timeout: seconds to wait for a lock.
    """

    def __init__(self, path: Path, busy_timeout: float) -> None:
        self.path = path
        self.busy_timeout = busy_timeout
        self.streams: Path = path / "streams"
        self._new = path / "new"
        self._store = path / "store.jsonl"
        self.ends: dict[str, Ends] = {}

    def remember(self, name: str, ends: Ends) -> None:
        """Remember how the file of a stream begins and ends, as long as not too many others come later."""
        if len(self.ends) >= _MOST_ENDS:
            del self.ends[next(iter(self.ends))]
        self.ends[name] = ends

    def stream(self, name: str) -> Path:
        """The file of a stream."""
        return _stream(self.streams, name)

    def torn(self, name: str) -> Path:
        """Where what a crash cut off a stream is kept."""
        return self.streams / f"{name}.torn"

    def files(self) -> dict[str, os.DirEntry[str]]:
        """The files of all streams there are, by name."""
        with os.scandir(self.streams) as found:
            return {one.name.removesuffix(".jsonl"): one for one in found if one.name.endswith(".jsonl")}

    @contextmanager
    def alone(self) -> Generator[None, None, None]:
        """Hold the lock of the folder: no other process creates or removes streams, or assigns numbers, meanwhile."""
        opened = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o666)
        try:
            lock(opened, False, self.busy_timeout)
            try:
                yield
            finally:
                unlock(opened)
        finally:
            os.close(opened)

    def check(self) -> None:
        """Raise FileNotFoundError if the store is gone, so that no stream seems to be empty then."""
        self._store.stat()

    def put(self, path: Path, *parts: bytes, copied: tuple[int, int, int] = (-1, 0, 0), end: bytes = b"") -> None:
        """Make or replace a file, which appears whole or not at all. Only within `alone`.

        Args:
            copied: an open file, and from where to where it is copied between `parts` and `end`.
        """
        new = self._new / path.name
        try:
            opened = os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
            try:
                at = 0
                for part in (*parts, *_pieces(*copied), end):
                    write_all(opened, part, at)
                    at += len(part)
                sync(opened)
            finally:
                os.close(opened)
            new.replace(path)
        except OSError:
            with suppress(OSError):
                new.unlink()
            raise
        sync_folder(path.parent)

    def next_numbers(self, *which: Literal["place", "token"]) -> tuple[int, ...]:
        """The next number of each, which is greater than any before and never given twice. Only within `alone`.

        Lines that are damaged, or that a crash cut off, may have held greater numbers than the last one that can be
        read, by one a line: as many as there are bytes are skipped.
        """
        opened = os.open(self._store, os.O_RDWR)
        try:
            size = os.fstat(opened).st_size
            numbers, skipped = _last_numbers(_end_of(opened, size, _LAST_BYTES))
            if numbers is None:
                numbers, skipped = _last_numbers(_end_of(opened, size, 2 * _MOST_BYTES))
            if numbers is None:
                raise StoreError(
                    f"{self._store} has no number that can be read.", guidance="Restore the file from a backup."
                )
            numbers = {name: number + skipped for name, number in numbers.items()}
            for one in which:
                numbers[one] += 1
            line = _numbers_line(numbers)
            if size > _MOST_BYTES:
                self.put(self._store, checked_line(_STORE, _FORMAT), line)
            else:
                add(opened, line, size)
            return tuple(numbers[one] for one in which)
        finally:
            os.close(opened)

    def make(self) -> None:
        """Make what is missing of a store, and see that it is one.

        Raises:
            StoreError: it is none that can be used.
        """
        if not (self._store.exists() and self.streams.is_dir()):
            make_folder(self.path)
            with self.alone():
                self._make_files()
        with self._store.open("rb") as opened:
            if body_of(_STORE, opened.readline()) != _FORMAT:
                raise self._foreign("its store.jsonl is damaged, or of a later release")

    def _make_files(self) -> None:
        make_folder(self._new)
        if not self._store.exists():
            if self.streams.is_dir():
                raise self._foreign("its store.jsonl is missing, without which leases are not safe")
            self.put(self._store, checked_line(_STORE, _FORMAT), _numbers_line({"place": 0, "token": 0}))
        make_folder(self.streams)

    def sweep(self) -> None:
        """Remove what a crash left half made."""
        with self.alone():
            make_folder(self._new)
            for left in self._new.iterdir():
                left.unlink()

    def _foreign(self, why: str) -> StoreError:
        return StoreError(
            f"{self.path} cannot be used as a journal store: {why}.",
            guidance="Restore the file from a backup, or name another directory.",
        )


def open_folder(path: Path, busy_timeout: float, writing: bool) -> Folder:
    """Return the directory of a store, which is created if it does not exist.

    Raises:
        StoreError: it cannot be created or read, or was not written by a version that is supported here.
    """
    check_system()
    with translate_errors(path):
        folder = Folder(path, busy_timeout)
        folder.make()
        if writing:
            folder.sweep()
        return folder


def _pieces(opened: int, start: int, end: int) -> Generator[bytes, None, None]:
    while start < end and (piece := os.pread(opened, min(end - start, 1024 * 1024), start)):
        yield piece
        start += len(piece)


@lru_cache(maxsize=1024)
def _stream(streams: Path, name: str) -> Path:
    """To make a path takes longer than to open it, and each append needs one."""
    return streams / f"{name}.jsonl"


def _end_of(opened: int, size: int, most: int) -> bytes:
    """The last bytes of a file."""
    return os.pread(opened, most, max(size - most, 0))


def _numbers_line(numbers: dict[str, int]) -> bytes:
    return checked_line(_STORE, b'"place":%d,"token":%d}' % (numbers["place"], numbers["token"]))


def _last_numbers(text: bytes) -> tuple[dict[str, int] | None, int]:
    """The numbers of the last line that is as it was written, and how many bytes follow it."""
    skipped = 0
    for line in reversed(text.splitlines(keepends=True)):
        body = body_of(_STORE, line)
        if body is not None and body.startswith(b'"place"'):
            found: dict[str, int] = json.loads(b"{" + body)
            return found, skipped
        skipped += len(line)
    return None, 0
