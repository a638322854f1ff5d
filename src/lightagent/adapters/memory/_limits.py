"""How many memories a caller may ask for at once, as databases can count."""

from __future__ import annotations

from typing import Final

_MOST: Final = 2**31 - 2
"""Every database counts to the next number."""


def countable(limit: int) -> int:
    """Return the limit that a caller gave, at most what any database can count, and 0 if it is below 1."""
    return max(0, min(limit, _MOST))
