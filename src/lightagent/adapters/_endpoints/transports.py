"""What a transport is: it posts bytes and hands back the bytes of the answer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Protocol

from lightagent.adapters._endpoints.faults import malformed
from lightagent.domain.origin import TraceHeaders


class Answer(Protocol):
    """The body of one answer, while it comes."""

    async def read(self) -> bytes:
        """More of it, as soon as there is more; empty at its end."""
        ...

    async def close(self) -> None:
        """Give back the connection, which is kept if the body was read to its end."""
        ...


class Transport(Protocol):
    """Posts requests from any event loop. Every fault is a `ProviderError`; it keeps no time and repeats nothing."""

    async def open(self, body: bytes, trace: TraceHeaders = ()) -> Answer:
        """Post `body`, with the headers of a trace besides its own; the answer has a status of success."""
        ...

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        ...


def sendable_trace_headers(trace: TraceHeaders, taken: Iterable[str]) -> dict[str, str]:
    """The headers of a trace that can be sent beside those which are `taken`.

    Telemetry never influences a request: what would replace another header, or fits into none, is left out.
    """
    if not trace:
        return {}
    own = {name.lower() for name in taken}
    return {name: value for name, value in trace if name.lower() not in own and name and _fits(name) and _fits(value)}


def _fits(text: str) -> bool:
    return text.isascii() and text.isprintable()


def parse_json(data: bytes) -> object:
    """The JSON value; bytes that are not UTF-8 become U+FFFD, since small servers cut characters at token borders.

    Raises:
        ProviderError: the bytes are not JSON.
    """
    try:
        parsed: object = json.loads(str(data, "utf-8", "replace"))
    except (ValueError, RecursionError) as exc:
        raise malformed("invalid JSON", data.decode("utf-8", "replace")) from exc
    return parsed


def is_json(data: bytes) -> bool:
    """Whether the bytes are one JSON value."""
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True
