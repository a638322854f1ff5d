"""How much of what is kept stays: the decision, for whole sessions and for the turns of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lightagent.domain.errors import ConfigurationError


class StoredItem(NamedTuple):
    """Something that is kept: when it was used last, in seconds since 1970, and the bytes that it takes."""

    at: float
    size: int


@dataclass(frozen=True, slots=True)
class Retention:
    """Limits of what is kept. What is beyond any of them is removed, the oldest first.

    Attributes:
        older_than: seconds since the last use.
        keep: how many there may be.
        max_bytes: what they may take together.

    Raises:
        ConfigurationError: no limit is given, or one is not a number or below 0.
    """

    older_than: float | None = None
    keep: int | None = None
    max_bytes: int | None = None

    def __post_init__(self) -> None:
        limits: tuple[object, ...] = (self.older_than, self.keep, self.max_bytes)
        given = [limit for limit in limits if limit is not None]
        if not given or not all(map(_is_limit, given)):
            raise ConfigurationError(
                "Retention needs at least one limit, each a number and none below 0.",
                guidance="Give older_than in seconds, keep or max_bytes; commands: --older-than, --keep, --max-bytes.",
            )

    def how_many_stay(self, newest_first: Sequence[StoredItem], now: float) -> int:
        """How many of these stay, counted from the newest."""
        size = 0
        for count, one in enumerate(newest_first):
            size += one.size
            if self.older_than is not None and one.at < now - self.older_than:
                return count
            if self.keep is not None and count >= self.keep:
                return count
            if self.max_bytes is not None and size > self.max_bytes:
                return count
        return len(newest_first)


def _is_limit(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0
