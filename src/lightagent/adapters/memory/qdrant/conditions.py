"""What points are looked for, in the few words that a server, the client's local mode and the edge engine all have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from lightagent.adapters.memory._marks import metadata_marks, owner_mark
from lightagent.adapters.memory.qdrant.keywords import keyword
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import MemoryOwner
from lightagent.ports.memory import OwnerSelection

OWNER_FIELDS = ("namespace", "tenant", "user", "session", "agent")
"""The fields of the parts of an owner, in their order."""


YES = "yes"
NO = "no"
"""Truth values are keywords: one of the engines has no index of truth values that it finds anything by."""


@dataclass(frozen=True, slots=True)
class Has:
    """A field has one of these values."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Above:
    """A field is a number above this one, or at least this one."""

    field: str
    number: float
    or_equal: bool = False


@dataclass(frozen=True, slots=True)
class AboveOrMissing:
    """A field is a number above this one, or is not there."""

    field: str
    number: float


@dataclass(frozen=True, slots=True)
class AtMostOrMissing:
    """A field is at most this number, or is not there."""

    field: str
    number: float


@dataclass(frozen=True, slots=True)
class IsNotNamed:
    """The point has none of these ids."""

    ids: tuple[str, ...]


Condition: TypeAlias = Has | Above | AboveOrMissing | AtMostOrMissing | IsNotNamed
Conditions: TypeAlias = Sequence[Condition]
"""All of them are fulfilled."""


def of_owner(owner: MemoryOwner) -> list[Condition]:
    """The points of exactly this owner."""
    return [Has("owner", (owner_mark(owner).hex(),))]


def of_owners(selection: OwnerSelection) -> list[Condition]:
    """The points of these owners."""
    parts = zip(OWNER_FIELDS, selection.parts, strict=True)
    chosen = [Has(field, (keyword(part),)) for field, part in parts if part is not None]
    # A filter without any condition is not one that every server takes.
    return [*chosen] or [Above("written", 0, or_equal=True)]


def named(memory_ids: Iterable[str]) -> Condition:
    """The points of these memories."""
    return Has("memory_id", tuple(dict.fromkeys(map(keyword, memory_ids))))


def fitting(wanted: RecallFilter) -> list[Condition]:
    """The points that a filter lets through."""
    found: list[Condition] = [Has("is_injectable", (YES,))]
    lists = (
        ("source", wanted.sources),
        ("scope", wanted.scopes),
        ("agent_name", wanted.agent_names),
        ("trust_level", wanted.trust_levels),
    )
    found += [Has(field, tuple(map(keyword, texts))) for field, texts in lists if texts is not None]
    if wanted.min_confidence is not None:
        found.append(Above("confidence", wanted.min_confidence, or_equal=True))
    expiry = Above if wanted.needs_expiry else AboveOrMissing
    found.append(expiry("expires_at", wanted.now))
    if wanted.moment is not None:
        found += (AtMostOrMissing("valid_from", wanted.moment), AboveOrMissing("valid_until", wanted.moment))
    if not wanted.with_internal:
        found.append(Has("is_internal", (NO,)))
    found += [Has("metadata_marks", (mark.hex(),)) for mark in metadata_marks(wanted.metadata)]
    return found
