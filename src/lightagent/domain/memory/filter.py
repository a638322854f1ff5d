"""Whether a memory that a store found may reach a model: the first rule that keeps it out says so.

Stores are not trusted: one that ignores the user id it is asked with, or records that others wrote, must not bring a
text of somebody else's, of a source that is not allowed, or one that has expired or was never promoted. A record may
say the same thing under several names, and in several places; whatever it says of itself has to pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Final, Literal, TypeAlias

from lightagent.domain.json_checks import equals_json
from lightagent.domain.memory.policy import MemoryPolicy, is_number
from lightagent.domain.memory.records import FoundMemory
from lightagent.domain.memory.seals import TAMPERED

FilterRule: TypeAlias = Literal[
    "not_a_memory",
    "tampered",
    "injectable",
    "promotion_status",
    "internal",
    "user_id",
    "allowed_sources",
    "allowed_scopes",
    "allowed_agent_names",
    "allowed_trust_levels",
    "required_metadata",
    "min_confidence",
    "expires_at",
    "valid_from",
    "valid_until",
]
"""What kept a record out; those of a policy have the name of its setting."""

SOURCE: Final = ("source", "memory_source")
SCOPE: Final = ("scope", "memory_scope")
AGENT_NAME: Final = ("agent_name", "agent")
TRUST_LEVEL: Final = ("trust_level", "trust")
CONFIDENCE: Final = ("confidence", "trust_score")
EXPIRES_AT: Final = ("expires_at", "expiresAt")
VALID_FROM: Final = ("valid_from", "validFrom")
VALID_UNTIL: Final = ("valid_until", "validUntil")
"""The fields in which records of any make say it. Stores, which index what a record says, and the policy, which judges
what was found, look at all of them: the strictest one counts."""

_NEVER_INJECTED: Final = frozenset(
    {
        "candidate",
        "pending",
        "requires_review",
        "review_required",
        "kept",
        "keep",
        "non_injectable",
        "rejected",
        "reject",
        "blocked",
    }
)
_PROMOTED: Final = frozenset({"promoted", "approved"})
INTERNAL_SOURCES: Final = frozenset(
    {"reflection", "delegation", "self_learning", "agent", "derived", "swarm", "trace", "tool"}
)
INTERNAL_SCOPES: Final = frozenset({"agent", "delegation", "shared", "internal", "swarm", "flow"})
_INJECTABLE: Final = ("injectable", "prompt_injectable", "is_injectable")
_STATUS: Final = ("promotion_status", "status")
_TRUE: Final = frozenset({"1", "true", "yes", "y", "on", "promoted", "approved"})


@dataclass(frozen=True, slots=True)
class ExcludedRecord:
    """A record that no model may see.

    Attributes:
        rule: which rule keeps it out.
        field: the field of the record that it is about; empty where it is about the record as a whole.
    """

    rule: FilterRule
    field: str = ""


def read_found(item: object) -> FoundMemory | ExcludedRecord:
    """A record as stores of any make give it: an object with ``memory`` and perhaps ``metadata``, or a text alone."""
    if isinstance(item, str):
        return FoundMemory(item, {})
    if not isinstance(item, Mapping):
        return ExcludedRecord("not_a_memory")
    text, metadata = item.get("memory"), item.get("metadata")
    if not isinstance(text, str):
        return ExcludedRecord("not_a_memory", "memory")
    if metadata is not None and not isinstance(metadata, Mapping):
        return ExcludedRecord("not_a_memory", "metadata")
    beside = {name: value for name, value in item.items() if name not in ("memory", "metadata") and value is not None}
    known = metadata or {}
    beneath = {name: said for name, said in known.items() if name in beside and not _same(said, beside[name])}
    return FoundMemory(text, {**known, **beside}, beneath)


def found_or_empty(item: object) -> FoundMemory:
    """Like `read_found`, but with an empty record for anything unreadable, which is then kept out and counted."""
    read = read_found(item)
    return FoundMemory("", {}) if isinstance(read, ExcludedRecord) else read


def _same(one: object, other: object) -> bool:
    return type(one) is type(other) and isinstance(one, (str, int, float)) and one == other


def exclusion_of(policy: MemoryPolicy, found: FoundMemory, memory_user_id: str, now: float) -> ExcludedRecord | None:
    """What keeps the record from this user's run, or None: it may be recalled.

    Args:
        policy: what may be recalled.
        found: the record.
        memory_user_id: the user as the store knows them, from `MemoryPolicy.scoped_user_id`.
        now: seconds since 1970.
    """
    return next((kept for rule in _RULES if (kept := rule(policy, found, memory_user_id, now)) is not None), None)


def _seal(policy: MemoryPolicy, found: FoundMemory, user: str, now: float) -> ExcludedRecord | None:
    return ExcludedRecord(TAMPERED, TAMPERED) if found.fields.get(TAMPERED) is True else None


def _text(policy: MemoryPolicy, found: FoundMemory, user: str, now: float) -> ExcludedRecord | None:
    return None if found.text.strip() else ExcludedRecord("not_a_memory", "memory")


def _promotion(policy: MemoryPolicy, found: FoundMemory, user: str, now: float) -> ExcludedRecord | None:
    return not_injectable(found) or (not_promoted(found) if policy.require_promotion_for_internal_memory else None)


def not_injectable(found: FoundMemory) -> ExcludedRecord | None:
    """What says that no model may ever see the record."""
    for field, injectable in found.values(*_INJECTABLE):
        if not _is_true(injectable):
            return ExcludedRecord("injectable", field)
    for field, status in found.values(*_STATUS):
        if _words(status) & _NEVER_INJECTED:
            return ExcludedRecord("promotion_status", field)
    return None


def not_promoted(found: FoundMemory) -> ExcludedRecord | None:
    """What says that an agent made the record of its own work, unless it says as well that it was promoted."""
    if any(_words(status) & _PROMOTED for _, status in found.values(*_STATUS)):
        return None
    injectable = [value for _, value in found.values(*_INJECTABLE)]
    if injectable and all(map(_is_true, injectable)):
        return None
    for names, internal in ((SOURCE, INTERNAL_SOURCES), (SCOPE, INTERNAL_SCOPES)):
        for field, value in found.values(*names):
            if _words(value) & internal:
                return ExcludedRecord("internal", field)
    return None


def _owner(policy: MemoryPolicy, found: FoundMemory, user: str, now: float) -> ExcludedRecord | None:
    """Everything that the record says of its owner has to name this user."""
    owners = [*found.values("user_id", "userId", "memory_user_id")]
    if not owners:
        return None if policy.allow_unattributed_results else ExcludedRecord("user_id", "user_id")
    return next((ExcludedRecord("user_id", name) for name, owner in owners if str(owner) != user), None)


def _among(rule: FilterRule, *names: str) -> _Rule:
    def check(policy: MemoryPolicy, found: FoundMemory, user: str, now: float) -> ExcludedRecord | None:
        allowed = getattr(policy, rule)
        if allowed is None:
            return None
        return _unless_all(rule, found, names, lambda value: isinstance(value, str) and value in allowed)

    return check


def _metadata(policy: MemoryPolicy, found: FoundMemory, user: str, now: float) -> ExcludedRecord | None:
    for name, value in (policy.required_metadata or {}).items():
        said = [fields[name] for fields in (found.fields, found.beneath) if name in fields]
        if not said or not all(equals_json(one, value) for one in said):
            return ExcludedRecord("required_metadata", name)
    return None


def _confidence(policy: MemoryPolicy, found: FoundMemory, user: str, now: float) -> ExcludedRecord | None:
    least = policy.min_confidence
    if least is None:
        return None

    def is_enough(value: object) -> bool:
        number = read_number(value)
        return number is not None and number >= least

    return _unless_all("min_confidence", found, CONFIDENCE, is_enough)


def _expiry(policy: MemoryPolicy, found: FoundMemory, user: str, now: float) -> ExcludedRecord | None:
    if not policy.enforce_expires_at and next(found.values(*EXPIRES_AT), None) is None:
        return None
    return _unless_all("expires_at", found, EXPIRES_AT, lambda value: _is_after(value, now))


def _unless_all(
    rule: FilterRule, found: FoundMemory, names: tuple[str, ...], passes: Callable[[object], bool]
) -> ExcludedRecord | None:
    """The rule, unless the record says something under these names, and all of it passes."""
    said = [*found.values(*names)]
    if not said:
        return ExcludedRecord(rule, names[0])
    return next((ExcludedRecord(rule, field) for field, value in said if not passes(value)), None)


def _beginning(policy: MemoryPolicy, found: FoundMemory, user: str, now: float) -> ExcludedRecord | None:
    def has_begun(value: object) -> bool:
        since = read_time(value)
        return since is not None and since <= now

    said = found.values(*VALID_FROM)
    return next((ExcludedRecord("valid_from", field) for field, value in said if not has_begun(value)), None)


def _end(policy: MemoryPolicy, found: FoundMemory, user: str, now: float) -> ExcludedRecord | None:
    said = found.values(*VALID_UNTIL)
    return next((ExcludedRecord("valid_until", field) for field, value in said if not _is_after(value, now)), None)


def _is_after(value: object, now: float) -> bool:
    """Whether a field is a time that is yet to come; what cannot be read as a time is none."""
    time = read_time(value)
    return time is not None and time > now


def read_time(value: object) -> float | None:
    """Seconds since 1970 of a time in ISO 8601 (in UTC unless it says otherwise) or in seconds; None: it is neither."""
    if not isinstance(value, str):
        return read_number(value)
    try:
        moment = datetime.fromisoformat(value.strip())
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return read_number(value)


def read_number(value: object) -> float | None:
    """A finite number, which may be written as text; None: it is none."""
    try:
        number = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        return None
    return number if number is not None and is_number(number) else None


def _words(value: object) -> set[str]:
    """What a field says, without regard to case; a list says each of its texts."""
    if isinstance(value, Enum):
        return _words(value.value)
    if isinstance(value, str):
        return {value.strip().lower()}
    several = value if isinstance(value, (list, tuple, set, frozenset)) else ()
    return {one.strip().lower() for one in several if isinstance(one, str)}


def _is_true(value: object) -> bool:
    return value if isinstance(value, bool) else str(value).strip().lower() in _TRUE


_Rule: TypeAlias = Callable[[MemoryPolicy, FoundMemory, str, float], ExcludedRecord | None]

_RULES: Final[tuple[_Rule, ...]] = (
    _seal,
    _text,
    _promotion,
    _owner,
    _among("allowed_sources", *SOURCE),
    _among("allowed_scopes", *SCOPE),
    _among("allowed_agent_names", *AGENT_NAME),
    _among("allowed_trust_levels", *TRUST_LEVEL),
    _metadata,
    _confidence,
    _expiry,
    _beginning,
    _end,
)
