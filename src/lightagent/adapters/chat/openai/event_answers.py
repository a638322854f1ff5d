"""An answer that comes as server-sent events, as deltas."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lightagent.adapters._endpoints.faults import too_large
from lightagent.adapters._endpoints.reported_errors import event_error, withholds
from lightagent.adapters._endpoints.wire_json import is_json, parse_json
from lightagent.adapters.chat.openai.choices import ChoiceReader
from lightagent.adapters.chat.openai.sse import ErrorEvent, Event, EventDecoder
from lightagent.domain.deltas import Delta
from lightagent.domain.errors import ProviderError
from lightagent.domain.provider_fields import ModelOrigin

_KEEP_ALIVE = re.compile(
    rb"[\[<\"'(]?(?:ping|pong|null|none|true|false|ok|alive|keep[-_ ]?alive|heart[-_ ]?beat|processing|waiting|pending"
    rb"|queued|thinking|loading|noop|[-.*\d\s]{0,40})\.{0,3}[\])>\"']?|:.*",
    re.IGNORECASE | re.DOTALL,
)
"""What relays send as data to keep a connection alive: bare, quoted or in brackets, or a comment of the protocol."""


class EventAnswer:
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
