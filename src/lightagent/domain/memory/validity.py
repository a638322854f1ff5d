"""When a fact holds, and which newer fact has taken its place.

A memory may say in its metadata from when and until when it holds (`valid_from`, `valid_until`: times in ISO 8601 or
seconds since 1970), and which memories of the same owner it takes the place of (`supersedes`, their ids). Nothing that
was written is changed by that: both are kept, and when the older one ended is derived from those that took its place,
in whatever order they were written. So a memory that is forgotten, or taken back, leaves what it had superseded as it
was before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lightagent.domain.memory.filter import VALID_FROM, VALID_UNTIL, not_injectable, not_promoted, read_time
from lightagent.domain.memory.records import MOST_SUPERSEDED, FoundMemory

SUPERSEDES: Final = "supersedes"
"""The key of the ids whose place it takes: a text, or a list of texts."""

NEVER: Final = 1e17
"""A time after every other: that of a memory whose `valid_from` cannot be read."""

_LONG_AGO: Final = -NEVER
"""A time before every other: that of an end which cannot be read."""

_CARRIED: Final = 3
"""How many of the ids that a memory names its successor names as well: the last ones, since the oldest is last."""


@dataclass(frozen=True, slots=True)
class Version:
    """A memory as one state of a fact.

    Attributes:
        memory_id: names it among those of its owner.
        since: when it takes the place of others: from when it holds, or when it was written where it does not say so.
        written_at: seconds since 1970.
        supersedes: the ids whose place it takes, each once and never its own.
        counts: whether it can take the place of anything: what no model may see cannot.
        is_internal: whether an agent made it of its own work, and it was not promoted; it can only take the place of
            others like it.
    """

    memory_id: str
    since: float
    written_at: float
    supersedes: tuple[str, ...] = ()
    counts: bool = True
    is_internal: bool = False

    @property
    def order(self) -> tuple[float, float, str]:
        """Of two that take the place of the same memory, the later one holds; ids decide where all times are equal."""
        return (self.since, self.written_at, self.memory_id)

    def ends(self, other: Version) -> bool:
        """Whether the other one holds no more once this one does.

        That is so where this one names it, and where both take the place of the same memory and this one is the later:
        two writers who correct one fact at the same time leave one that holds.
        """
        if not self.counts or (self.is_internal and not other.is_internal) or self.memory_id == other.memory_id:
            return False
        named, names = other.memory_id in self.supersedes, self.memory_id in other.supersedes
        if named != names:
            return named
        return (named or not set(self.supersedes).isdisjoint(other.supersedes)) and self.order > other.order


def version_of(memory_id: str, metadata: Mapping[str, object], written_at: float) -> Version:
    """The memory of this id as one state of a fact."""
    found = FoundMemory("", metadata)
    begins = _begins(metadata)
    return Version(
        memory_id,
        written_at if begins is None else begins,
        written_at,
        superseded_ids(memory_id, metadata),
        not_injectable(found) is None,
        not_promoted(found) is not None,
    )


def superseded_ids(memory_id: str, metadata: Mapping[str, object]) -> tuple[str, ...]:
    """The ids of the memories that this one supersedes; values other than texts are ignored."""
    said = metadata.get(SUPERSEDES)
    ids = [said] if isinstance(said, str) else said if isinstance(said, (list, tuple)) else []
    named = dict.fromkeys(one for one in ids if isinstance(one, str) and one and one != memory_id)
    return tuple(named)[:MOST_SUPERSEDED]


def named_with(memory_id: str, metadata: Mapping[str, object]) -> tuple[str, ...]:
    """What a memory names in `supersedes` that takes the place of this one: it, and what it had taken the place of.

    So those who correct one fact at the same time, also after it was corrected before, name one memory together.
    """
    return (memory_id, *superseded_ids(memory_id, metadata)[-_CARRIED:])


def ended_at(version: Version, others: Iterable[Version]) -> float | None:
    """When another took its place; None: none did.

    Args:
        version: the memory.
        others: at least those of the same owner that name it, or that name one of those it names.
    """
    return min((other.since for other in others if other.ends(version)), default=None)


def ends_of(versions: Iterable[Version]) -> dict[str, float]:
    """When others took the place of each of these memories of one owner, by their ids; the others are left out."""
    known = tuple(versions)
    naming: dict[str, list[Version]] = {}
    for one in known:
        for memory_id in one.supersedes:
            naming.setdefault(memory_id, []).append(one)
    ends: dict[str, float] = {}
    for one in known if naming else ():
        others = (other for name in (one.memory_id, *one.supersedes) for other in naming.get(name, ()))
        if (end := ended_at(one, others)) is not None:
            ends[one.memory_id] = end
    return ends


def line_of(version: Version, versions: Iterable[Version]) -> frozenset[str]:
    """The ids of all states of the fact that a memory is one of, as far as they name one another."""
    beside: dict[str, set[str]] = {}
    known = {one.memory_id: one for one in versions}
    for one in known.values():
        for name in one.supersedes:
            beside.setdefault(one.memory_id, set()).add(name)
            beside.setdefault(name, set()).add(one.memory_id)
    found, new = {version.memory_id}, [version.memory_id]
    while new:
        others = beside.get(new.pop(), set()) - found
        found |= others
        new += others
    return frozenset(found & known.keys())


def earlier(one: float | None, other: float | None) -> float | None:
    """The earlier of two times; None stands for never."""
    return other if one is None else one if other is None else min(one, other)


def begins_at(version: Version, metadata: Mapping[str, object]) -> float | None:
    """From when the memory holds; None: it always has. What takes the place of others begins where they end."""
    return None if _begins(metadata) is None and not version.supersedes else version.since


def _begins(metadata: Mapping[str, object]) -> float | None:
    """From when the memory itself says that it holds; None: it says nothing. What cannot be read never begins."""
    said = (read_time(value) for _, value in FoundMemory("", metadata).values(*VALID_FROM))
    return max((NEVER if moment is None else moment for moment in said), default=None)


def holds_until(metadata: Mapping[str, object], names: Sequence[str] = VALID_UNTIL) -> float | None:
    """Until when the memory itself says that it holds; None: it says nothing. What cannot be read has always ended.

    Args:
        names: the fields in which it says so; of several the earliest time counts.
    """
    said = (read_time(value) for _, value in FoundMemory("", metadata).values(*names))
    return min((_LONG_AGO if moment is None else moment for moment in said), default=None)


def ends_at(metadata: Mapping[str, object], superseded: float | None) -> float | None:
    """When the memory ends: by what it says itself, or since another took its place; None: it has no end."""
    return earlier(holds_until(metadata), superseded)
