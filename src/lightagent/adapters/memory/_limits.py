"""How many memories a caller may ask for at once, as databases can count."""

from __future__ import annotations

from typing import Final

_MOST: Final = 2**31 - 2
"""Every database counts to the next number."""


def countable(limit: int) -> int:
    """The limit that a caller gave, or as many as any database can count; none where it is below 1."""
    return max(0, min(limit, _MOST))
