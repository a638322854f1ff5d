"""What adapters and HTTP clients share: the port `Transport`, the headers of a trace, and JSON from servers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Protocol

from lightagent.adapters._endpoints.faults import malformed
from lightagent.domain.origin import TraceHeaders


class Answer(Protocol):
    """The body of one answer, while it arrives."""

    async def read(self) -> bytes:
        """Return the next bytes as soon as they arrive, and nothing at the end."""
        ...

    async def close(self) -> None:
        """Release the connection. It can be reused if the body was read to its end."""
        ...


class Transport(Protocol):
    """Posts requests from any event loop. It raises `ProviderError` and never retries; callers limit the time."""

    async def open(self, body: bytes, trace: TraceHeaders = ()) -> Answer:
        """Post `body` with the headers of the endpoint and of a trace. An answer is returned only for a status 2xx."""
        ...

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        ...


def sendable_trace_headers(trace: TraceHeaders, taken: Iterable[str]) -> dict[str, str]:
    """Return the headers of a trace that can be added to the headers named in `taken`.

    Telemetry never changes a request: headers that would replace another one, or are not printable ASCII, are left out.
    """
    if not trace:
        return {}
    own = {name.lower() for name in taken}
    return {name: value for name, value in trace if name.lower() not in own and name and _fits(name) and _fits(value)}


def _fits(text: str) -> bool:
    return text.isascii() and text.isprintable()


def parse_json(data: bytes) -> object:
    """Parse JSON. Invalid UTF-8 becomes U+FFFD, since small servers cut characters at token borders.

    Raises:
        ProviderError: the bytes are not JSON.
    """
    try:
        parsed: object = json.loads(str(data, "utf-8", "replace"))
    except (ValueError, RecursionError) as exc:
        raise malformed("invalid JSON", data.decode("utf-8", "replace")) from exc
    return parsed


def is_json(data: bytes) -> bool:
    """Whether the bytes are one valid JSON value."""
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True
