"""JSON as it comes from a server."""

from __future__ import annotations

import json

from lightagent.adapters._endpoints.faults import malformed


def parse_json(data: bytes) -> object:
    """The JSON value; bytes that are no UTF-8 become U+FFFD, since small servers cut characters at token borders.

    Raises:
        ProviderError: the bytes are not JSON.
    """
    try:
        parsed: object = json.loads(str(data, "utf-8", "replace"))
    except (ValueError, RecursionError) as exc:
        raise malformed("what is no JSON", data.decode("utf-8", "replace")) from exc
    return parsed


def is_json(data: bytes) -> bool:
    """Whether the bytes are one JSON value."""
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True
