"""Reads the bytes of an answer as deltas, whether they are a stream of events or one JSON object.

The first byte decides, not the content type: some servers stream unasked, some answer a request for a stream with one
object, and some call either of them text/plain. The first byte also tells a web page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from lightagent.adapters._endpoints.faults import empty_answer, too_large, web_page
from lightagent.adapters._endpoints.transports import parse_json
from lightagent.adapters.chat.openai.choices import ChoiceReader
from lightagent.adapters.chat.openai.common_forms import read_common_answer
from lightagent.adapters.chat.openai.sse import EventStreamReader
from lightagent.domain.conversation.deltas import Delta
from lightagent.domain.conversation.provider_fields import UNKNOWN_MODEL, ModelOrigin

_BOM = b"\xef\xbb\xbf"
_BLANK = b" \t\r\n\xef\xbb\xbf"
_LEADING_KEEP_ALIVE = re.compile(rb"\s*[a-z][a-z_-]{2,15}\s*?\r?\n\s*(?:data|event|id|retry)?:", re.IGNORECASE)
"""The beginning of a stream whose first line is only a word such as `ping`, which is not an SSE field."""
_MAX_LEAD = 256
"""Bytes at the beginning of an answer that are compared with `_LEADING_KEEP_ALIVE`."""
_EVENT_STARTS = frozenset(b"d:eir")  # data, a comment, event or error, id, retry


class AnswerReader:
    """Reads one answer. How its bytes are cut into pieces does not change the reply that its deltas fold to.

    Args:
        max_bytes: the largest JSON object, event, or text of a stream that it accepts.
        origin: the model that is asked.
    """

    __slots__ = ("_events", "_max_bytes", "_origin", "_received", "_received_size")

    def __init__(self, max_bytes: int, origin: ModelOrigin = UNKNOWN_MODEL) -> None:
        self._max_bytes = max_bytes
        self._origin = origin
        self._events: EventStreamReader | None = None
        self._received: list[bytes] = []
        self._received_size = 0

    @property
    def done(self) -> bool:
        """Whether the server has ended the answer with `[DONE]`."""
        return self._events is not None and self._events.done

    @property
    def complete(self) -> bool:
        """Whether the answer is complete, so that a connection that breaks now loses nothing."""
        return self._events is not None and self._events.complete

    def feed(self, piece: bytes) -> Iterable[Delta]:
        """Return the deltas of the events that these bytes complete. They are read lazily, as there may be many."""
        if self._events is not None:
            return self._events.feed(piece)
        self._received.append(piece)
        self._received_size += len(piece)
        if self._received_size > self._max_bytes:
            raise too_large(self._max_bytes)
        if not self._is_event_stream():
            return ()
        self._events = EventStreamReader(self._max_bytes, self._origin)
        body = b"".join(self._received)
        self._received.clear()
        return self._events.feed(body)

    def end(self) -> list[Delta]:
        """Return the remaining deltas after the last byte. The last one says how the answer ended."""
        if self._events is not None:
            return self._events.end()
        body = b"".join(self._received)
        if not body.strip(_BLANK):
            raise empty_answer()
        answer = parse_json(body.removeprefix(_BOM))
        deltas = read_common_answer(answer) if isinstance(answer, dict) else None
        if deltas is None:
            choices = ChoiceReader(self._origin)
            deltas = [*choices.read(answer), *choices.end(complete=True)]
        return deltas

    def _is_event_stream(self) -> bool:
        """Whether the bytes so far are the beginning of an event stream."""
        if self._received_size > len(self._received[-1]) and not self._received[0].strip(_BLANK):
            self._received[:] = [b"".join(self._received)]
        start = self._received[0].lstrip(_BLANK)[:1]
        if start == b"<":
            raise web_page()
        if not start or start in b"{[":
            return False
        if start[0] in _EVENT_STARTS:
            return True
        return _LEADING_KEEP_ALIVE.match(self._lead().lstrip(_BLANK)) is not None

    def _lead(self) -> bytes:
        """Return the first bytes of the answer, which may be spread over several pieces."""
        lead = b""
        for piece in self._received:
            lead += piece[:_MAX_LEAD]
            if len(lead) >= _MAX_LEAD:
                break
        return lead[:_MAX_LEAD]
