"""Percent-encoding, as URLs have it. urllib would bring the network into the domain."""

from __future__ import annotations

import re
from typing import Final

_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~")
_ESCAPED: Final = re.compile(rb"%([0-9A-Fa-f]{2})")


def percent_encode(raw: bytes, safe: bytes = b"") -> str:
    """The bytes as they stand in a URL: all that is neither unreserved nor in `safe` is escaped."""
    return "".join(chr(one) if one in _UNRESERVED or one in safe else f"%{one:02X}" for one in raw)


def percent_decode(text: str) -> str:
    """Decode a percent-encoded part of a URL; invalid UTF-8 is replaced, and invalid escapes stay as they are."""
    octets = text.encode("utf-8", "surrogatepass")
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 16)]), octets).decode("utf-8", "replace")
