"""The bytes of an answer, as deltas: a stream of events, or one JSON object, whichever the server chose to send.

The kind is seen in the first byte, not in the content type: there are servers that stream unasked, that send
a stream as one object, that call either of them text/plain. A web page is seen there too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from lightagent.adapters._endpoints.faults import empty_answer, too_large, web_page
from lightagent.adapters._endpoints.transports import parse_json
from lightagent.adapters.chat.openai.choices import ChoiceReader
from lightagent.adapters.chat.openai.common_forms import read_common_answer
from lightagent.adapters.chat.openai.sse import EventStreamReader
from lightagent.domain.deltas import Delta
from lightagent.domain.provider_fields import UNKNOWN_MODEL, ModelOrigin

_BOM = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n\xef\xbb\xbf"
_LEADING_KEEP_ALIVE = re.compile(rb"\s*[a-z][a-z_-]{2,15}\s*?\r?\n\s*(?:data|event|id|retry)?:", re.IGNORECASE)
"""A stream that begins with a line holding only a word that is not an SSE field, such as `ping`."""
_LONGEST_LEAD = 256
_EVENT_STARTS = frozenset(b"d:eir")  # data, a comment, event or error, id, retry


class AnswerReader:
    """Reads one answer; feeding it the same bytes in other pieces gives deltas that fold to the same.

    Args:
        max_bytes: the most it keeps in memory: of one JSON object, one event, or the text of a stream.
        origin: the model that is asked.
    """

    __slots__ = ("_events", "_kept", "_kept_size", "_max_bytes", "_origin")

    def __init__(self, max_bytes: int, origin: ModelOrigin = UNKNOWN_MODEL) -> None:
        self._max_bytes = max_bytes
        self._origin = origin
        self._events: EventStreamReader | None = None
        self._kept: list[bytes] = []
        self._kept_size = 0

    @property
    def done(self) -> bool:
        """Whether the server said that nothing follows."""
        return self._events is not None and self._events.done

    @property
    def complete(self) -> bool:
        """Whether a break here loses nothing of the answer."""
        return self._events is not None and self._events.complete

    def feed(self, piece: bytes) -> Iterable[Delta]:
        """The deltas that these bytes complete, each as it is read: many events may come at once."""
        if self._events is not None:
            return self._events.feed(piece)
        self._kept.append(piece)
        self._kept_size += len(piece)
        if self._kept_size > self._max_bytes:
            raise too_large(self._max_bytes)
        if not self._begins_events():
            return ()
        self._events = EventStreamReader(self._max_bytes, self._origin)
        body = b"".join(self._kept)
        self._kept.clear()
        return self._events.feed(body)

    def end(self) -> list[Delta]:
        """The rest, when no more bytes come; the last delta says how the answer ended."""
        if self._events is not None:
            return self._events.end()
        body = b"".join(self._kept)
        if not body.strip(_BLANK):
            raise empty_answer()
        answer = parse_json(body.removeprefix(_BOM))
        deltas = read_common_answer(answer) if isinstance(answer, dict) else None
        if deltas is None:
            choices = ChoiceReader(self._origin)
            deltas = [*choices.read(answer), *choices.end(complete=True)]
        return deltas

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
