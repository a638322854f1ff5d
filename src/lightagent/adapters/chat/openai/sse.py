"""Server-sent events out of bytes that may be cut anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from lightagent.adapters._endpoints.faults import too_large
from lightagent.adapters._endpoints.reported_errors import event_error, withholds
from lightagent.adapters._endpoints.transports import is_json, parse_json
from lightagent.adapters.chat.openai.choices import ChoiceReader
from lightagent.domain.deltas import Delta
from lightagent.domain.errors import ProviderError
from lightagent.domain.provider_fields import ModelOrigin


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


_KEEP_ALIVE = re.compile(
    rb"[\[<\"'(]?(?:ping|pong|null|none|true|false|ok|alive|keep[-_ ]?alive|heart[-_ ]?beat|processing|waiting|pending"
    rb"|queued|thinking|loading|noop|[-.*\d\s]{0,40})\.{0,3}[\])>\"']?|:.*",
    re.IGNORECASE | re.DOTALL,
)
"""What relays send as data to keep a connection alive: bare, quoted or in brackets, or a comment of the protocol."""


class EventStreamReader:
    """Reads the events of one answer.

    Args:
        max_bytes: the most it keeps in memory: of one event, or of the text.
        origin: the model that is asked.
    """

    __slots__ = ("_choices", "_decoder", "_max_bytes", "done")

    def __init__(self, max_bytes: int, origin: ModelOrigin) -> None:
        self._max_bytes = max_bytes
        self._choices = ChoiceReader(origin)
        self._decoder = EventDecoder()
        self.done: bool = False
        """Whether the server said that nothing follows."""

    @property
    def complete(self) -> bool:
        """Whether a break here loses nothing of the answer."""
        return self.done or self._choices.finished

    def feed(self, piece: bytes) -> Iterator[Delta]:
        """The deltas that these bytes complete, each as it is read."""
        return self._read_events(self._decoder.feed(piece))

    def end(self) -> list[Delta]:
        """The rest, when no more bytes come; the last delta says how the answer ended."""
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
        """An event of one object; or of several, where the server left out the empty lines between its events."""
        for line in (event,) if is_json(event) else event.split(b"\n"):
            if self.done:
                return
            yield from self._read_object(line) if line.startswith(b"{") else self._read_other(line)

    def _read_object(self, event: bytes) -> list[Delta]:
        """An event that begins an object. One that cannot be read is a fault, unless the answer is whole without it."""
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
        if word.startswith(b"data:"):  # relays that wrap each line once more
            word = word.removeprefix(b"data:").strip()
        if word.strip(b'[]"').upper() == b"DONE":
            self.done = True
        elif word.startswith(b"{"):
            yield from self._read_lines(word)
        elif _KEEP_ALIVE.fullmatch(word) is None and not self._choices.whole:
            yield from self._choices.read(parse_json(event))

    def _read_last(self) -> Iterator[Delta]:
        """What was left without an end: a whole event counts, a piece of one means that the stream broke off."""
        left: list[Event] = []
        for event in self._decoder.end():
            if isinstance(event, ErrorEvent) or is_json(event):
                left.append(event)
            else:
                left += [line for line in event.split(b"\n") if line.strip() == b"[DONE]" or is_json(line)]
        return self._read_events(left)
