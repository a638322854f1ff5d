"""The file of one stream: its last row is found from the end, and an entry by bisection, however long the file is."""

from __future__ import annotations

import os
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lightagent.adapters.journals.files.disk import lock, unlock
from lightagent.adapters.journals.files.folder import Folder
from lightagent.adapters.journals.files.lines import (
    Ends,
    Header,
    Line,
    Row,
    parse_header,
    parse_line,
    parse_row,
    seed_of,
)
from lightagent.domain.errors import DamagedStream
from lightagent.domain.journals.streams import StreamKey

_BLOCK: Final = 64 * 1024
_LAST_BLOCK: Final = 4 * 1024
"""Usually enough for the last row."""


@dataclass(frozen=True, slots=True)
class Tail:
    """Where a stream ends.

    Attributes:
        row: the last one; what it commits is acknowledged, or about to be.
        end: where the next line begins. Bytes from here on are of an append that a crash has cut.
        size: of the file.
        open_line: whether the line break after the row is missing.
    """

    row: Row
    end: int
    size: int
    open_line: bool


class StreamFile:
    """An open file of a stream, locked until `release`."""

    def __init__(self, path: Path, name: str, file: int) -> None:
        self.path = path
        self.name = name
        self._file = file
        self._seed = seed_of(name)

    def fileno(self) -> int:
        """The number of the open file."""
        return self._file

    def release(self) -> None:
        """Let others write. What is committed does not change any more, so it can be read all the same."""
        unlock(self._file)

    def header(self) -> tuple[Header, int]:
        """The first line, and where the next one begins.

        Raises:
            DamagedStream: it is not as it was written.
        """
        _, line = next(self._forwards(0, os.fstat(self._file).st_size, _LAST_BLOCK), (0, b""))
        header = parse_header(self.name, line)
        if header is not None and line.endswith(b"\n"):
            return header, len(line)
        raise self.damaged("the first line is not what was written")

    def tail(self, key: StreamKey) -> Tail:
        """Where the stream ends.

        A crash in the middle of an append leaves the beginning of what was to be written: entries without their row,
        the last of them cut. Anything else that stands after the last row is damage.

        Raises:
            DamagedStream: the last lines are not as they were written.
        """
        size = end = os.fstat(self._file).st_size
        torn: list[Line] = []
        for start, text in self._backwards(size):
            line = parse_line(self._seed, text)
            if line is not None and line.entry is None:
                row = parse_row(key, line)
                if row is None or not _begins_append(row, torn[::-1]):
                    break
                return Tail(row, start + len(text), size, not text.endswith(b"\n"))
            if text.endswith(b"\n"):
                if line is None:
                    break
                torn.append(line)
            elif parse_line(self._seed, text[:-1]) is not None:
                break  # The line is whole, and its line break was changed.
            end = start
        raise self.damaged(f"the line that ends at byte {end} is not what was written")

    def tail_as(self, known: Ends) -> Tail | None:
        """Return where the stream ends if the beginning and end of the file are unchanged; else None."""
        size = os.fstat(self._file).st_size
        back = os.pread(self._file, len(known.back), max(size - len(known.back), 0))
        if back != known.back or os.pread(self._file, len(known.front), 0) != known.front:
            return None
        return Tail(known.row, size, size, open_line=False)

    def front(self) -> bytes:
        """The first line.

        Raises:
            DamagedStream: it is not as it was written.
        """
        _, begin = self.header()
        return os.pread(self._file, begin, 0)

    def last_row(self, key: StreamKey, before: int) -> Row:
        """The row that ends at an offset.

        Raises:
            DamagedStream: it is missing.
        """
        _, text = next(self._backwards(before))
        line = parse_line(self._seed, text)
        row = None if line is None else parse_row(key, line)
        if row is None:
            raise self.damaged(f"the line that ends at byte {before} is not what was written")
        return row

    def lines(
        self, header: Header, begin: int, tail: Tail, first: int, count: int
    ) -> Generator[tuple[int, Line], None, None]:
        """So many entries from the sequence `first` on, and the rows around them; and where each line begins.

        What is read is checked from the entry before it on, and to the end of the file where the last entry is read:
        each line, and that none is missing.

        Args:
            begin: where the second line of the file begins.

        Raises:
            DamagedStream: a line is missing or not what was written.
        """
        info = tail.row.info
        front, to_head = first == info.base + 1, first + count - 1 == info.head
        last: Line | None = None
        for start, text in self._forwards(begin if front else self._near(begin, tail.end, first - 1), tail.end):
            if not count and not to_head:
                return
            line = parse_line(self._seed, text)
            if last is None and not front and (line is None or line.reach < first - 1):
                continue
            if line is None or not _comes_next(last, line, first):
                break
            if last is None and front and line.number != header.next_line:
                break
            last = line
            count -= line.entry is not None and line.reach >= first
            yield start, line
        if last is None or count or (to_head and last.number != tail.row.line):
            wanted = first if last is None else last.reach + 1
            raise self.damaged(f"entry {wanted}, or what stands before it, is missing or not what was written")

    def damaged(self, why: str) -> DamagedStream:
        """The error that says where the stream is damaged, and what to do."""
        return DamagedStream(
            f"{self.path}: {why}.",
            guidance="Restore the file from a backup, or forget the stream. Other streams are not affected.",
        )

    def _near(self, begin: int, end: int, wanted: int) -> int:
        """The beginning of a line at most a block before the first line that reaches the sequence `wanted`."""
        low, high = begin, end
        while high - low > _BLOCK:
            middle = (low + high) // 2
            found = self._line_from(middle, high)
            if found is None or found[1] >= wanted:
                high = middle
            else:
                low = found[0]
        return low

    def _line_from(self, middle: int, high: int) -> tuple[int, int] | None:
        """The first whole line that begins between two offsets: where, and its reach."""
        for start, text in self._forwards(middle - 1, high):
            if start >= middle and (line := parse_line(self._seed, text)) is not None:
                return start, line.reach
        return None

    def _forwards(self, start: int, end: int, block_size: int = _BLOCK) -> Generator[tuple[int, bytes], None, None]:
        """The lines between two offsets, and where each begins; the last one without its line break if it has none."""
        rest, at = b"", start
        while at < end and (block := os.pread(self._file, min(max(block_size, len(rest)), end - at), at)):
            at += len(block)
            *lines, rest = (rest + block).split(b"\n")
            for line in lines:
                yield start, line + b"\n"
                start += len(line) + 1
        if rest:
            yield start, rest

    def _backwards(self, end: int) -> Generator[tuple[int, bytes], None, None]:
        """The lines before an offset from the last to the first, and where each begins."""
        rest, at = b"", end
        while at > 0:
            count = min(max(_LAST_BLOCK, len(rest)), at)
            at -= count
            rest = os.pread(self._file, count, at) + rest
            while (cut := rest.rfind(b"\n", 0, -1) + 1) > 0:
                yield at + cut, rest[cut:]
                rest = rest[:cut]
        if rest:
            yield 0, rest


@contextmanager
def opened(folder: Folder, name: str, shared: bool) -> Generator[StreamFile | None, None, None]:
    """Return the file of a stream, locked, or None if it does not exist."""
    path = folder.stream(name)
    while True:
        try:
            file = os.open(path, (os.O_RDONLY if shared else os.O_RDWR))
        except FileNotFoundError:
            folder.check()
            yield None
            return
        try:
            lock(file, shared, folder.busy_timeout)
            try:
                if shared or _stands_there(file, path):
                    yield StreamFile(path, name, file)
                    return
            finally:
                unlock(file)
        finally:
            os.close(file)


def _stands_there(file: int, path: Path) -> bool:
    """Whether an open file is still the one of that name: while its lock was waited for, it may have been replaced."""
    try:
        return os.path.samestat(os.fstat(file), path.stat())
    except FileNotFoundError:
        return False


def _begins_append(row: Row, lines: Sequence[Line]) -> bool:
    """Whether these entries are the beginning of the append that follows a row."""
    return all(
        (line.number, line.reach) == (row.line + place, row.info.head + place) for place, line in enumerate(lines, 1)
    )


def _comes_next(last: Line | None, line: Line, first: int) -> bool:
    """Whether no line is missing between two, or before the first of what is read from the sequence `first` on."""
    if last is None:
        return line.reach == first - 1 or (line.reach == first and line.entry is not None)
    return line.number == last.number + 1 and line.reach == last.reach + (line.entry is not None)
