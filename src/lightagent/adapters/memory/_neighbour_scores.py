"""How much a memory that fits raises the scores of those beside it in a conversation.

An answer seldom repeats the words of its question, and follows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

AFTER: Final = (0.5, 0.2)
"""How much a memory that fits counts for the next one, and for the one after that."""
BEFORE: Final = (0.3, 0.2)
"""The same for those before it."""
QUESTION: Final = 0.8
"""How much a question counts: it tells less than what is said about the same."""
NEARBY: Final = 3600.0
"""Seconds between two memories of one conversation, at most."""


def ranked(scores: Mapping[int, float]) -> list[int]:
    """The best first, and of two that are as good the earlier."""
    return sorted(scores, key=lambda number: (-scores[number], number))
