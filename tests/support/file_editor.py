"""Whoever can write to the directory of a store in files, and makes its checksums anew."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

from lightagent.adapters.journals.files import JsonFilesJournalStore
from lightagent.adapters.journals.files.lines import (
    Header,
    Line,
    Row,
    entry_line,
    header_line,
    name_of,
    parse_header,
    parse_line,
    parse_row,
    row_line,
    seed_of,
)
from lightagent.domain.journals.streams import NO_HOLD, Draft, Entry, StreamInfo, StreamKey
from lightagent.ports.journals import JournalStore
from tests.support.journal_editor import Editor, RawStream


class FilesEditor(Editor):
    """Edits a store whose streams are files."""

    def __init__(self, place: Path) -> None:
        self._path = place / "journals"

    def open(self) -> JournalStore:
        return JsonFilesJournalStore(self._path)

    def take(self, key: StreamKey) -> RawStream:
        info, entries = StreamInfo(key), list[Entry]()
        for _, line in self._lines(key):
            if line.entry is not None:
                entries.append(line.entry)
            elif row := parse_row(key, line):
                info = row.info
        return RawStream(info, tuple(entry for entry in entries if entry.sequence > info.base))

    def put(self, raw: RawStream) -> None:
        name, info = name_of(raw.info.key), raw.info
        seed = seed_of(name)
        lines = [
            entry_line(seed, number, one.sequence, Draft(one.content, one.schema, one.seal))
            for number, one in enumerate(raw.entries, 1)
        ]
        row = row_line(seed, Row(len(lines) + 1, info, NO_HOLD))
        header = header_line(seed, Header(info.key, self._place(info.key)))
        self._file(info.key).write_bytes(b"".join([header, *lines, row]))

    def remove(self, key: StreamKey) -> None:
        self._file(key).unlink()

    def copy(self) -> object:
        copied = Path(mkdtemp(dir=self._path.parent)) / "copied"
        shutil.copytree(self._path, copied)
        return copied

    def restore(self, copied: object) -> None:
        assert isinstance(copied, Path)
        shutil.rmtree(self._path)
        shutil.copytree(copied, self._path)

    def cut_tail(self, key: StreamKey) -> None:
        """A file holds its older rows too: cut where one of them ends, it is an older state of the stream."""
        raw = self.take(key)
        end = 0
        for after, line in self._lines(key):
            if line.entry is None and line.reach < raw.info.head:
                end = after
        with self._file(key).open("r+b") as file:
            file.truncate(end)

    def _lines(self, key: StreamKey) -> Iterator[tuple[int, Line]]:
        """Each line after the first, and where it ends."""
        header, *lines = self._file(key).read_bytes().splitlines(keepends=True)
        end = len(header)
        for text in lines:
            line = parse_line(seed_of(name_of(key)), text)
            assert line is not None
            end += len(text)
            yield end, line

    def _place(self, key: StreamKey) -> int:
        """The place of a stream, or the next one if there is no such stream."""
        last = 0
        for file in self._file(key).parent.glob("*.jsonl"):
            header = parse_header(file.stem, file.read_bytes().splitlines(keepends=True)[0])
            assert header is not None
            if header.key == key:
                return header.place
            last = max(last, header.place)
        return last + 1

    def _file(self, key: StreamKey) -> Path:
        return self._path / "streams" / f"{name_of(key)}.jsonl"
