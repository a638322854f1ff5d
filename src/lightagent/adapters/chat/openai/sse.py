"""Server-sent events out of bytes that may be cut anywhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """An event that the server named an error; its data may be anything."""

    data: bytes


Event: TypeAlias = bytes | ErrorEvent
"""The data of an event."""

_ERRORS: Final = frozenset({b"error", b"exception"})
_KEEP_ALIVES: Final = frozenset({b"ping", b"keepalive", b"keep-alive", b"keep_alive", b"heartbeat"})
"""Names of events that say nothing."""

_BOM = b"\xef\xbb\xbf"


class EventDecoder:
    """Finds the events of a stream; feeding it the same bytes in other pieces gives the same events.

    Lines end with LF, CRLF or CR. Comments, unknown fields, events without data and those that are named a keep-alive
    are skipped. A field `error` is taken as data, since llama.cpp's server used to name errors so.
    """

    __slots__ = ("_after_cr", "_data", "_first", "_name", "_tail", "_tail_size")

    def __init__(self) -> None:
        self._tail: list[bytes] = []  # of a line whose end has not come; joined once, however many pieces it has
        self._tail_size = 0
        self._data: list[bytes] = []  # of an event whose end has not come
        self._name = b""  # of that event
        self._after_cr = False
        self._first = True

    @property
    def pending(self) -> int:
        """How many bytes are kept for events that are not yet whole."""
        return self._tail_size + sum(map(len, self._data))

    def feed(self, piece: bytes) -> list[Event]:
        """The data of the events that `piece` completes."""
        if self._after_cr or b"\r" in piece:
            piece = self._with_lf(piece)
        lines = piece.split(b"\n")
        rest = lines.pop()
        if lines and self._tail:
            lines[0] = b"".join((*self._tail, lines[0]))
            self._tail.clear()
            self._tail_size = 0
        if rest:
            self._tail.append(rest)
            self._tail_size += len(rest)
        return self._events(lines)

    def end(self) -> list[Event]:
        """The data of a last event whose end was left out, as some servers do."""
        lines = [b"".join(self._tail), b""]
        self._tail.clear()
        return self._events(lines)

    def _events(self, lines: list[bytes]) -> list[Event]:
        events: list[Event] = []
        data = self._data
        for line in lines:
            if not line:
                if data:
                    self._dispatch(b"\n".join(data), events)
                    data.clear()
                self._name = b""
            elif line.startswith(b"data: "):
                data.append(line[6:])
            else:
                self._other(line)
            self._first = False
        return events

    def _other(self, line: bytes) -> None:
        """A line that is not what most servers send."""
        if self._first:
            line = line.removeprefix(_BOM)
        name, _, value = line.partition(b":")
        if name in (b"data", b"error"):
            self._data.append(value.removeprefix(b" "))
        elif name == b"event":
            self._name = value.strip().lower()

    def _dispatch(self, data: bytes, events: list[Event]) -> None:
        """The standard says that an event with empty data is none; relays send them to keep a connection alive."""
        if self._name in _ERRORS:
            events.append(ErrorEvent(data))
        elif self._name not in _KEEP_ALIVES and not data.isspace() and data:
            events.append(data)

    def _with_lf(self, piece: bytes) -> bytes:
        """The piece with LF for every line end, also for a CRLF that was cut in two. JSON holds neither as such."""
        if self._after_cr and piece:
            piece = piece.removeprefix(b"\n")
        if piece:
            self._after_cr = piece.endswith(b"\r")
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
