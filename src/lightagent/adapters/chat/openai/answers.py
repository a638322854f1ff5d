"""The bytes of an answer, as deltas: a stream of events, or one JSON object, whichever the server chose to send.

The kind is seen in the first byte, not in the content type: there are servers that stream when nobody asked, that send
a stream as one object, that call either of them text/plain. A web page is seen there too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from lightagent.adapters.chat.openai.choices import ChoiceReader
from lightagent.adapters.chat.openai.faults import empty_answer, malformed, too_large, web_page
from lightagent.adapters.chat.openai.reported_errors import event_error, withholds
from lightagent.adapters.chat.openai.sse import ErrorEvent, Event, EventDecoder
from lightagent.domain.deltas import Delta
from lightagent.domain.errors import ProviderError
from lightagent.domain.provider_fields import UNKNOWN_MODEL, ModelOrigin

_BOM = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n\xef\xbb\xbf"
_KEEP_ALIVE = re.compile(
    rb"[\[<\"'(]?(?:ping|pong|null|none|true|false|ok|alive|keep[-_ ]?alive|heart[-_ ]?beat|processing|waiting|pending"
    rb"|queued|thinking|loading|noop|[-.*\d\s]{0,40})\.{0,3}[\])>\"']?|:.*",
    re.IGNORECASE | re.DOTALL,
)
"""What relays send as data to keep a connection alive: bare, quoted or in brackets, or a comment of the protocol."""
_LEADING_KEEP_ALIVE = re.compile(rb"\s*[a-z][a-z_-]{2,15}\s*?\r?\n\s*(?:data|event|id|retry)?:", re.IGNORECASE)
"""The beginning of a stream with a word that is no field, as `ping`, on a line of its own."""
_LONGEST_LEAD = 256
_EVENT_STARTS = frozenset(b"d:eir")  # data, a comment, event or error, id, retry


class AnswerReader:
    """Reads one answer; feeding it the same bytes in other pieces gives deltas that fold to the same.

    Args:
        max_bytes: the most it keeps in memory: of one JSON object, one event, or the text of a stream.
        origin: the model that is asked.
    """

    __slots__ = ("_choices", "_events", "_kept", "_kept_size", "_max_bytes", "done")

    def __init__(self, max_bytes: int, origin: ModelOrigin = UNKNOWN_MODEL) -> None:
        self._max_bytes = max_bytes
        self._choices = ChoiceReader(origin)
        self._events: EventDecoder | None = None
        self._kept: list[bytes] = []
        self._kept_size = 0
        self.done = False
        """Whether the server said that nothing follows."""

    @property
    def complete(self) -> bool:
        """Whether a break here loses nothing of the answer."""
        return self.done or self._choices.finished

    def feed(self, piece: bytes) -> Iterator[Delta]:
        """The deltas that these bytes complete, each as it is read: many events may come at once."""
        if self._events is None:
            self._kept.append(piece)
            self._kept_size += len(piece)
            if self._kept_size > self._max_bytes:
                raise too_large(self._max_bytes)
            if not self._begins_events():
                return
            piece = b"".join(self._kept)
            self._kept.clear()
            self._events = EventDecoder()
        yield from self._read_events(self._events, self._events.feed(piece))

    def end(self) -> list[Delta]:
        """The rest, when no more bytes come; the last delta says how the answer ended."""
        if self._events is not None:
            deltas = [] if self.done else [*self._read_last(self._events)]
            return [*deltas, *self._choices.end(complete=self.done)]
        body = b"".join(self._kept)
        if not body.strip(_BLANK):
            raise empty_answer()
        return [*self._choices.read(_parsed(body.removeprefix(_BOM))), *self._choices.end(complete=True)]

    def _begins_events(self) -> bool:
        """Whether what is kept turned out to be the beginning of a stream."""
        if self._kept_size > len(self._kept[-1]) and not self._kept[0].strip(_BLANK):
            self._kept[:] = [b"".join(self._kept)]
        start = self._kept[0].lstrip(_BLANK)[:1]
        if start == b"<":
            raise web_page()
        if not start or start in b"{[":
            return False
        if start[0] in _EVENT_STARTS:
            return True
        return _LEADING_KEEP_ALIVE.match(self._lead().lstrip(_BLANK)) is not None

    def _lead(self) -> bytes:
        """The first bytes of what is kept, however it was cut."""
        lead = b""
        for piece in self._kept:
            lead += piece[:_LONGEST_LEAD]
            if len(lead) >= _LONGEST_LEAD:
                break
        return lead[:_LONGEST_LEAD]

    def _read_events(self, decoder: EventDecoder, events: list[Event]) -> Iterator[Delta]:
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
        if self._choices.size > self._max_bytes or decoder.pending > self._max_bytes:
            raise too_large(self._max_bytes)

    def _read_lines(self, event: bytes) -> Iterator[Delta]:
        """An event of one object; or of several, where the server left out the empty lines between its events."""
        for line in (event,) if _is_json(event) else event.split(b"\n"):
            if self.done:
                return
            yield from self._read_object(line) if line.startswith(b"{") else self._read_other(line)

    def _read_object(self, event: bytes) -> list[Delta]:
        """An event that begins an object. One that cannot be read is a fault, unless the answer is whole without it."""
        try:
            parsed = _parsed(event)
        except ProviderError:
            if not self._choices.whole:
                raise
            return []
        return self._choices.read(parsed)

    def _read_other(self, event: bytes) -> Iterator[Delta]:
        """An event that does not begin with an object: the end, a keep-alive, or what is no answer."""
        word = event.strip()
        if word.startswith(b"data:"):  # relays that wrap each line once more
            word = word.removeprefix(b"data:").strip()
        if word.strip(b'[]"').upper() == b"DONE":
            self.done = True
        elif word.startswith(b"{"):
            yield from self._read_lines(word)
        elif _KEEP_ALIVE.fullmatch(word) is None and not self._choices.whole:
            yield from self._choices.read(_parsed(event))

    def _read_last(self, decoder: EventDecoder) -> Iterator[Delta]:
        """What was left without an end: a whole event counts, a piece of one means that the stream broke off."""
        left: list[Event] = []
        for event in decoder.end():
            if isinstance(event, ErrorEvent) or _is_json(event):
                left.append(event)
            else:
                left += [line for line in event.split(b"\n") if line.strip() == b"[DONE]" or _is_json(line)]
        return self._read_events(decoder, left)


def _parsed(data: bytes) -> object:
    """The JSON value; bytes that are no UTF-8 become U+FFFD, since small servers cut characters at token borders."""
    try:
        parsed: object = json.loads(str(data, "utf-8", "replace"))
    except (ValueError, RecursionError) as exc:
        raise malformed("what is no JSON", data.decode("utf-8", "replace")) from exc
    return parsed


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True
