"""What changes the files. Each function raises before it has changed anything, or leaves what a crash would leave.

A stream is changed only by who holds the lock of its file. Who makes, replaces or removes a file, or takes a number,
holds the lock of the store before; no writer waits for that one while it holds another.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from lightagent.adapters.journals.files.disk import add, sync, sync_folder, write_all
from lightagent.adapters.journals.files.folder import Folder
from lightagent.adapters.journals.files.lines import (
    Ends,
    Header,
    Row,
    entry_line,
    header_line,
    name_of,
    row_line,
    seed_of,
)
from lightagent.adapters.journals.files.stream_file import StreamFile, Tail, opened
from lightagent.domain.errors import DamagedStream
from lightagent.domain.journals.streams import (
    NO_HOLD,
    Draft,
    Hold,
    Lease,
    StreamInfo,
    StreamKey,
    belongs,
    check_append,
    check_end,
    check_lease,
)
from lightagent.domain.scopes import Scope

_MOST_IDLE_BYTES: Final = 64 * 1024
"""Of rows that no entry follows, before only the last of them is kept: a lease may be renewed for years."""


class Append:
    """An append that was asked for; see `JournalStore.append`."""

    def __init__(
        self,
        key: StreamKey,
        drafts: Sequence[Draft],
        expected: int,
        at: float,
        labels: Mapping[str, str] | None,
        token: int | None,
        seal: str,
        replacing: str | None,
    ) -> None:
        self.key = key
        self._name = name_of(key)
        self._drafts = tuple(drafts)
        self._expected, self._token, self._replacing = expected, token, replacing
        self._at, self._labels, self._seal = float(at), labels, seal

    def choose(self, count: int) -> int:
        """A number below `count`, the same for each append to this stream."""
        return seed_of(self._name) % count

    def carry_out(self, folder: Folder, now: float) -> int:
        """The sequence of the last entry, once it would survive a loss of power."""
        with opened(folder, self._name, shared=False) as file:
            if file is not None:
                return self._add(folder, file, now)
        with folder.alone(), opened(folder, self._name, shared=False) as file:
            if file is not None:  # Another process was faster.
                return self._add(folder, file, now)
            check_append(StreamInfo(self.key), NO_HOLD, now, self._expected, self._token, self._replacing)
            nothing = Row(0, StreamInfo(self.key), NO_HOLD)
            _make(folder, self.key, self._lines(nothing, self._after(nothing)))
            return len(self._drafts)

    def _add(self, folder: Folder, file: StreamFile, now: float) -> int:
        known = folder.ends.pop(self._name, None)
        tail = None if known is None else file.tail_as(known)
        # Nothing is acknowledged that could not be read.
        front = file.front() if known is None or tail is None else known.front
        tail = tail or file.tail(self.key)
        check_append(tail.row.info, tail.row.hold, now, self._expected, self._token, self._replacing)
        _mend(folder, file, tail)
        after = self._after(tail.row)
        lines = self._lines(tail.row, after)
        add(file.fileno(), lines, tail.end + tail.open_line)  # So long it is once what a crash cut is moved away.
        folder.remember(self._name, Ends(front, lines[lines.rindex(b"\n", 0, -1) :], after))
        return after.info.head

    def _after(self, before: Row) -> Row:
        """The row that commits the entries."""
        info = before.info.after(self._drafts, self._labels, self._at, self._seal)
        return Row(before.line + len(self._drafts) + 1, info, before.hold)

    def _lines(self, before: Row, after: Row) -> bytes:
        """The entries, and the row that commits them."""
        info, seed = before.info, seed_of(self._name)
        entries = [
            entry_line(seed, before.line + place, info.head + place, draft)
            for place, draft in enumerate(self._drafts, 1)
        ]
        return b"".join([*entries, row_line(seed, after)])


def lease(folder: Folder, key: StreamKey, holder: str, seconds: float, token: int | None, now: float) -> Lease:
    """Give, renew or release a lease; see `JournalStore.lease`."""
    name = name_of(key)
    with folder.alone(), opened(folder, name, shared=False) as file:
        tail = None if file is None else file.tail(key)
        check_lease(NO_HOLD if tail is None else tail.row.hold, now, seconds, token)
        over, place = token is not None and seconds <= 0, 0
        if token is not None:
            given = token
        elif file is None:  # Both with one sync: each run of an agent or a flow begins so.
            given, place = folder.next_numbers("token", "place")
        else:
            (given,) = folder.next_numbers("token")
        hold = NO_HOLD if over else Hold(given, holder, float(now + seconds))
        if file is not None and tail is not None:
            _mend(folder, file, tail)
            _hold(folder, file, file.tail(key), hold)
        elif not over:
            _make(folder, key, row_line(seed_of(name), Row(1, StreamInfo(key), hold)), place)
        return Lease(given, 0.0 if over else seconds)


def forget_stream(folder: Folder, key: StreamKey, expected: int | None, replacing: str | None) -> int:
    """Remove a stream; how many there were. One that is damaged is removed too, unless its end is asked about."""
    name = name_of(key)
    with folder.alone(), opened(folder, name, shared=False) as file:
        if file is None:
            check_end(StreamInfo(key), expected, replacing)
            return 0
        head = _head(file, key)
        if expected is not None or replacing is not None:
            check_end(file.tail(key).row.info, expected, replacing)
        _remove(folder, name)
        sync_folder(folder.streams)
        return int(head > 0)


def forget_subject(folder: Folder, subject: Scope) -> int:
    """Remove all streams of a subject; how many there were.

    Raises:
        DamagedStream: of some streams it cannot be told whose they are; all others of the subject were removed.
    """
    count, unknown = 0, list[str]()
    with folder.alone():
        for name in folder.files():
            with opened(folder, name, shared=False) as file:
                if file is None:
                    continue
                try:
                    key = file.header()[0].key
                except DamagedStream:
                    unknown.append(file.path.name)
                    continue
                if belongs(key.owner, subject):
                    count += _head(file, key) > 0
                    _remove(folder, name)
        sync_folder(folder.streams)
    if unknown:
        raise DamagedStream(
            f"{folder.streams}: it cannot be told whose {', '.join(unknown)} are; "
            f"{count} other streams of the subject were removed.",
            guidance="Restore these files from a backup and forget the subject again, or delete them.",
        )
    return count


def prune(
    folder: Folder, key: StreamKey, before: int, expected: int | None, seal: str | None, replacing: str | None
) -> int:
    """Remove entries from the front of a stream; how many there were."""
    with folder.alone(), opened(folder, name_of(key), shared=False) as file:
        if file is None:
            check_end(StreamInfo(key), expected, replacing)
            return 0
        tail = file.tail(key)
        info = tail.row.info
        check_end(info, expected, replacing)
        base = min(before - 1, info.head)
        if base <= info.base:
            return 0
        _mend(folder, file, tail)
        _cut_front(folder, file, file.tail(key), base, info.seal if seal is None else seal)
        return base - info.base


def _cut_front(folder: Folder, file: StreamFile, tail: Tail, base: int, seal: str) -> None:
    row, info = tail.row, tail.row.info
    header, begin = file.header()
    kept_from, next_line, size = tail.end, row.line + 1, info.size
    for start, line in file.lines(header, begin, tail, info.base + 1, min(base + 1, info.head) - info.base):
        if line.entry is None:
            continue
        if line.reach > base:
            kept_from, next_line = start, line.number
            break
        size -= len(line.entry.content.encode())
    after = Row(row.line + 1, replace(info, base=base, size=size, seal=seal), row.hold)
    folder.put(
        file.path,
        header_line(seed_of(file.name), replace(header, next_line=next_line)),
        copied=(file.fileno(), kept_from, tail.end),
        end=row_line(seed_of(file.name), after),
    )
    folder.torn(file.name).unlink(missing_ok=True)  # It may hold what was to be removed.


def _hold(folder: Folder, file: StreamFile, tail: Tail, hold: Hold) -> None:
    """Write down who holds the lease."""
    row = tail.row
    since = row.idle_from or tail.end
    if tail.end - since <= _MOST_IDLE_BYTES:
        after = replace(row, line=row.line + 1, hold=hold, idle_from=since)
        add(file.fileno(), row_line(seed_of(file.name), after), tail.end)
        return
    header, begin = file.header()
    line = header.next_line if since == begin else file.last_row(row.info.key, since).line + 1
    after = replace(row, line=line, hold=hold)
    folder.put(file.path, copied=(file.fileno(), 0, since), end=row_line(seed_of(file.name), after))


def _make(folder: Folder, key: StreamKey, lines: bytes, place: int = 0) -> None:
    """Make the file of a stream. Only within `Folder.alone`.

    Args:
        place: in the order of creation; 0: the next one.
    """
    name = name_of(key)
    header = Header(key, place or folder.next_numbers("place")[0])
    folder.put(folder.stream(name), header_line(seed_of(name), header), lines)


def _mend(folder: Folder, file: StreamFile, tail: Tail) -> None:
    """Move what a crash has left of an append out of the way. It was never acknowledged."""
    if tail.end == tail.size and not tail.open_line:
        return
    if torn := os.pread(file.fileno(), tail.size - tail.end, tail.end):
        kept = os.open(folder.torn(file.name), os.O_WRONLY | os.O_CREAT, 0o666)
        try:
            write_all(kept, torn + b"\n", os.fstat(kept).st_size)
            sync(kept)
        finally:
            os.close(kept)
        sync_folder(folder.streams)
        os.ftruncate(file.fileno(), tail.end)
    if tail.open_line:
        write_all(file.fileno(), b"\n", tail.end)
    sync(file.fileno())


def _head(file: StreamFile, key: StreamKey) -> int:
    """The sequence of the last entry; of a damaged stream it is enough to know that there is one."""
    try:
        return file.tail(key).row.info.head
    except DamagedStream:
        return 1


def _remove(folder: Folder, name: str) -> None:
    """What a crash cut off goes first: nothing would lead to it afterwards."""
    folder.torn(name).unlink(missing_ok=True)
    folder.stream(name).unlink()
