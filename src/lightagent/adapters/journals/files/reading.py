"""What reads the files. A reader waits for a writer that appends to the same stream just then, and for no other."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from lightagent.adapters.journals.files.folder import Folder
from lightagent.adapters.journals.files.lines import Header, Row, name_of
from lightagent.adapters.journals.files.stream_file import StreamFile, Tail, opened
from lightagent.domain.errors import StoreError
from lightagent.domain.journals.input_checks import place_of
from lightagent.domain.journals.streams import Slice, StreamInfo, StreamKey, StreamPage, StreamQuery

_SETTLED: Final = 0.1
"""Seconds after which a file system gives a further change another time than the last one."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A stream as it was seen while its file was as `signature` tells."""

    signature: tuple[int, int, int]
    header: Header
    row: Row


class Reader:
    """Reads streams, and remembers of each that was seen what its last row says until its file changes."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._seen: dict[str, _Seen] = {}

    def read(self, key: StreamKey, after: int, limit: int, now: float) -> Slice:
        """Some entries of a stream; see `JournalStore.read`.

        Raises:
            DamagedStream: one is missing, or is not what was written.
        """
        name = name_of(key)
        seen = self._remembered(name, self._folder.stream(name))
        if seen is not None and _first(seen.row, after) > seen.row.info.head:
            return Slice(_stream_info(seen.row, now))
        with opened(self._folder, name, shared=True) as file:
            if file is None:
                return Slice(StreamInfo(key))
            header, begin, tail = self._look(file)
            file.release()
            first = _first(tail.row, after)
            count = min(limit, tail.row.info.head - first + 1)
            if count <= 0:
                return Slice(_stream_info(tail.row, now))
            lines = file.lines(header, begin, tail, first, count)
            entries = tuple(line.entry for _, line in lines if line.entry is not None and line.reach >= first)
            return Slice(_stream_info(tail.row, now), entries)

    def list_streams(self, query: StreamQuery, now: float) -> StreamPage:
        """One page of streams; see `JournalStore.list`."""
        before = place_of(query.cursor)
        found: list[_Seen] = []
        unreadable: list[str] = []
        files = self._folder.files()
        for name, entry in files.items():
            try:
                seen = self._remembered(name, entry) or self._find(name)
            except (StoreError, OSError) as error:
                unreadable += self._unreadable(name, query, error)
                continue
            if seen is None or not seen.row.info.head or (before and seen.header.place >= before):
                continue
            if query.matches(seen.row.info):
                found.append(seen)
        self._seen = {name: seen for name, seen in self._seen.items() if name in files}
        found.sort(key=lambda seen: seen.header.place, reverse=True)
        page = found[: query.limit]
        next_ = str(page[-1].header.place) if len(found) > query.limit else ""
        return StreamPage(tuple(_stream_info(seen.row, now) for seen in page), next_, tuple(unreadable))

    def _find(self, name: str) -> _Seen | None:
        """A stream; None if it was forgotten meanwhile."""
        with opened(self._folder, name, shared=True) as file:
            if file is None:
                return None
            header, _, tail = self._look(file)
            return _Seen((0, 0, 0), header, tail.row)

    def _look(self, file: StreamFile) -> tuple[Header, int, Tail]:
        """What the first line says, where the second one begins, and where the stream ends."""
        header, begin = file.header()
        tail = file.tail(header.key)
        stat = os.fstat(file.fileno())
        if time.time() - stat.st_mtime > _SETTLED:
            self._seen[file.name] = _Seen(_signature(stat), header, tail.row)
        return header, begin, tail

    def _remembered(self, name: str, file: Path | os.DirEntry[str]) -> _Seen | None:
        """What was seen of a stream, if its file has not changed since."""
        seen = self._seen.get(name)
        if seen is None:
            return None
        try:
            return seen if seen.signature == _signature(file.stat()) else None
        except FileNotFoundError:
            return None

    def _unreadable(self, name: str, query: StreamQuery, error: StoreError | OSError) -> list[str]:
        """What to say of a stream that cannot be read, unless its first line says that it was not asked for."""
        told = error.message if isinstance(error, StoreError) else str(error)
        try:
            with opened(self._folder, name, shared=True) as file:
                key = None if file is None else file.header()[0].key
        except (StoreError, OSError):
            key = None
        anything = replace(query, labels={}, updated_before=None, updated_after=None)
        return [told] if key is None or anything.matches(StreamInfo(key)) else []


def _signature(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _first(row: Row, after: int) -> int:
    """The sequence of the first entry that is asked for."""
    return max(row.info.head + after if after < 0 else after, row.info.base) + 1


def _stream_info(row: Row, now: float) -> StreamInfo:
    left = row.hold.remaining(now)
    info = replace(row.info, labels=dict(row.info.labels))
    return replace(info, holder=row.hold.holder, lease_left=left) if left else info
