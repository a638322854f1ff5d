"""Server-sent events: from bytes, which may be cut anywhere, to events, and from events to deltas."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from lightagent.adapters._endpoints.faults import too_large
from lightagent.adapters._endpoints.reported_errors import event_error, withholds
from lightagent.adapters._endpoints.transports import is_json, parse_json
from lightagent.adapters.chat.openai.choices import ChoiceReader
from lightagent.domain.conversation.deltas import Delta
from lightagent.domain.conversation.provider_fields import ModelOrigin
from lightagent.domain.errors import ProviderError


@dataclass(frozen=True, slots=True)
class ErrorEvent:
    """An event that the server named an error. Its data may have any form."""

    data: bytes


Event: TypeAlias = bytes | ErrorEvent
"""The data of an event."""

_ERRORS: Final = frozenset({b"error", b"exception"})
_KEEP_ALIVES: Final = frozenset({b"ping", b"keepalive", b"keep-alive", b"keep_alive", b"heartbeat"})
"""Names of events that only keep the connection alive."""

_BOM = b"\xef\xbb\xbf"


class EventDecoder:
    """Finds the events of a stream. How its bytes are cut into pieces does not change the events.

    Lines end with LF, CRLF or CR. Comments, unknown fields, events without data and those that are named a keep-alive
    are skipped. A field `error` counts as data, since llama.cpp's server used to send errors in it.
    """

    __slots__ = ("_after_cr", "_data", "_first", "_name", "_tail", "_tail_size")

    def __init__(self) -> None:
        self._tail: list[bytes] = []  # Of an unfinished line; joined only once, however many pieces it has.
        self._tail_size = 0
        self._data: list[bytes] = []  # The lines of an unfinished event.
        self._name = b""  # The name of that event.
        self._after_cr = False
        self._first = True

    @property
    def pending(self) -> int:
        """Bytes that are kept for unfinished events."""
        return self._tail_size + sum(map(len, self._data))

    def feed(self, piece: bytes) -> list[Event]:
        """Return the events that `piece` completes."""
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
        """Return the last event, if the server left out the empty line after it, as some do."""
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
                self._read_field(line)
            self._first = False
        return events

    def _read_field(self, line: bytes) -> None:
        """Read a line that does not begin with `data: `, as most lines do."""
        if self._first:
            line = line.removeprefix(_BOM)
        name, _, value = line.partition(b":")
        if name in (b"data", b"error"):
            self._data.append(value.removeprefix(b" "))
        elif name == b"event":
            self._name = value.strip().lower()

    def _dispatch(self, data: bytes, events: list[Event]) -> None:
        """Append a finished event, unless it is empty (the standard ignores those) or a keep-alive."""
        if self._name in _ERRORS:
            events.append(ErrorEvent(data))
        elif self._name not in _KEEP_ALIVES and not data.isspace() and data:
            events.append(data)

    def _with_lf(self, piece: bytes) -> bytes:
        """Return the piece with LF as line ends, also for a CRLF that was cut in two. JSON contains no raw CR or LF."""
        if self._after_cr and piece:
            piece = piece.removeprefix(b"\n")
        if piece:
            self._after_cr = piece.endswith(b"\r")
        return piece.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


_KEEP_ALIVE = re.compile(
    rb"[\[<\"'(]?(?:ping|pong|null|none|true|false|ok|alive|keep[-_ ]?alive|heart[-_ ]?beat|processing|waiting|pending"
    rb"|queued|thinking|loading|noop|[-.*\d\s]{0,40})\.{0,3}[\])>\"']?|:.*",
    re.IGNORECASE | re.DOTALL,
)
"""Data that relays send to keep a connection alive: a word, bare, quoted or in brackets, or an SSE comment."""


class EventStreamReader:
    """Reads the events of one answer as deltas.

    Args:
        max_bytes: the largest event, and the largest text, that it accepts.
        origin: the model that is asked.
    """

    __slots__ = ("_choices", "_decoder", "_max_bytes", "done")

    def __init__(self, max_bytes: int, origin: ModelOrigin) -> None:
        self._max_bytes = max_bytes
        self._choices = ChoiceReader(origin)
        self._decoder = EventDecoder()
        self.done: bool = False
        """Whether the server has ended the answer with `[DONE]`."""

    @property
    def complete(self) -> bool:
        """Whether the answer is complete, so that a connection that breaks now loses nothing."""
        return self.done or self._choices.finished

    def feed(self, piece: bytes) -> Iterator[Delta]:
        """Return the deltas of the events that these bytes complete, read lazily."""
        return self._read_events(self._decoder.feed(piece))

    def end(self) -> list[Delta]:
        """Return the remaining deltas after the last byte. The last one says how the answer ended."""
        deltas = [] if self.done else [*self._read_last()]
        return [*deltas, *self._choices.end(complete=self.done)]

    def _read_events(self, events: list[Event]) -> Iterator[Delta]:
        for event in events:
            if self.done:
                break
            if isinstance(event, ErrorEvent):
                fault = event_error(event.data)
                if not self._choices.whole or withholds(fault):
                    raise fault
                continue
            if not event.startswith(b"{"):
                yield from self._read_other(event)
            elif b"\n" in event:
                yield from self._read_lines(event)
            else:
                yield from self._read_object(event)
        if self._choices.size > self._max_bytes or self._decoder.pending > self._max_bytes:
            raise too_large(self._max_bytes)

    def _read_lines(self, event: bytes) -> Iterator[Delta]:
        """Read an event of one object, or of several if the server left out the empty lines between its events."""
        for line in (event,) if is_json(event) else event.split(b"\n"):
            if self.done:
                return
            yield from self._read_object(line) if line.startswith(b"{") else self._read_other(line)

    def _read_object(self, event: bytes) -> list[Delta]:
        """Read an event that begins with `{`. If it is invalid, that is an error unless the answer is already whole."""
        try:
            parsed = parse_json(event)
        except ProviderError:
            if not self._choices.whole:
                raise
            return []
        return self._choices.read(parsed)

    def _read_other(self, event: bytes) -> Iterator[Delta]:
        """Read an event that does not begin with an object: the end, a keep-alive, or something invalid."""
        word = event.strip()
        if word.startswith(b"data:"):  # Some relays wrap each line a second time.
            word = word.removeprefix(b"data:").strip()
        if word.strip(b'[]"').upper() == b"DONE":
            self.done = True
        elif word.startswith(b"{"):
            yield from self._read_lines(word)
        elif _KEEP_ALIVE.fullmatch(word) is None and not self._choices.whole:
            yield from self._choices.read(parse_json(event))

    def _read_last(self) -> Iterator[Delta]:
        """Read an event without an end: a whole one counts; a piece of one is dropped, since the stream broke off."""
        events: list[Event] = []
        for event in self._decoder.end():
            if isinstance(event, ErrorEvent) or is_json(event):
                events.append(event)
            else:
                events += [line for line in event.split(b"\n") if line.strip() == b"[DONE]" or is_json(line)]
        return self._read_events(events)
