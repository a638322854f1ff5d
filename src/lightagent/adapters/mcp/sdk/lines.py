"""Splits what a server writes into lines of a bounded size; of one that is too long, only the request's id is kept."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, TypeAlias

_ENDS: Final = 4_096
_HEAD_ID: Final = re.compile(rb'\s*\{\s*(?:"jsonrpc"\s*:\s*"2\.0"\s*,\s*)?"id"\s*:\s*(\d{1,18})\s*,')
_TAIL_ID: Final = re.compile(rb'"id"\s*:\s*(\d{1,18})\s*(?:,\s*"jsonrpc"\s*:\s*"2\.0"\s*)?\}\s*\Z')


@dataclass(frozen=True, slots=True)
class LongLine:
    """A line that was thrown away.

    Attributes:
        size: its bytes.
        request_id: the id of the request that it answers, where its first or last bytes say so.
    """

    size: int
    request_id: int | None


Line: TypeAlias = bytes | LongLine


class LineSplitter:
    """Takes the output as it comes; a part is looked at once, however long the line it belongs to.

    Args:
        limit: bytes of a line, without its end.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._forget()

    def feed(self, chunk: bytes) -> list[Line]:
        """The lines that are complete now; empty ones are left out."""
        *ended, rest = chunk.split(b"\n")
        lines: list[Line] = []
        for part in ended:
            self._add(part)
            line = self._take()
            if isinstance(line, LongLine) or line.strip():
                lines.append(line)
        self._add(rest)
        return lines

    def _forget(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0
        self._head = b""
        self._tail = b""

    def _add(self, part: bytes) -> None:
        self._size += len(part)
        if self._size <= self._limit:
            self._parts.append(part)
        elif self._parts or not self._head:
            whole = b"".join([*self._parts, part])
            self._parts, self._head, self._tail = [], whole[:_ENDS], whole[-_ENDS:]
        else:
            self._tail = (self._tail + part[-_ENDS:])[-_ENDS:]

    def _take(self) -> Line:
        line: Line = b"".join(self._parts)
        if self._size > self._limit:
            line = LongLine(self._size, _request_id(self._head, self._tail))
        self._forget()
        return line


def request_id_in(line: bytes) -> int | None:
    """The id of the request that a line answers, where its first or last bytes say so."""
    return _request_id(line[:_ENDS], line[-_ENDS:])


def _request_id(head: bytes, tail: bytes) -> int | None:
    found = _HEAD_ID.match(head) or _TAIL_ID.search(tail)
    return int(found[1]) if found else None
