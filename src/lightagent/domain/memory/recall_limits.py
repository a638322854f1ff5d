"""How many memories a run recalls, how much of a query is searched for, and how much of a memory a model is shown."""

from __future__ import annotations

from typing import Final

MOST_RECALLED: Final = 5
"""Memories that a run is given at most."""

MOST_QUERY: Final = 4_000
"""Characters of a query that are searched for; the time of a search grows with them, for all who share the store."""

MOST_TOLD: Final = 4_000
"""Characters of one memory that a model is told."""

_GAP: Final = " [\u2026] "


def shortened(text: str, most: int) -> str:
    """The text, without its middle where it is longer than that."""
    if len(text) <= most:
        return text
    half = (most - len(_GAP)) // 2
    return text[:half] + _GAP + text[-half:]
