"""What a search for memories looks at: the filter of a policy, and the facts of a record that stores index."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import equals_json, to_json_object
from lightagent.domain.json_types import JsonValue
from lightagent.domain.memory.filter import (
    AGENT_NAME,
    CONFIDENCE,
    EXPIRES_AT,
    SCOPE,
    SOURCE,
    TRUST_LEVEL,
    not_injectable,
    not_promoted,
    read_number,
)
from lightagent.domain.memory.policy import MemoryPolicy, is_number
from lightagent.domain.memory.records import FoundMemory, MemoryRecord
from lightagent.domain.memory.validity import begins_at, earlier, holds_until, version_of


@dataclass(frozen=True, slots=True)
class RecordFacts:
    """What is known of a record, in the form in which stores index it.

    Attributes:
        source, scope, agent_name, trust_level: as its metadata says; empty where it says nothing or several
            things.
        confidence: the lowest confidence that it states; None without a valid number.
        expires_at: seconds since 1970; None: never. A record with an invalid time counts as expired.
        is_injectable: whether a model may see it at all.
        is_internal: whether an agent wrote it about its own work, and it was not promoted.
        valid_from: seconds since 1970; None: it always held.
        valid_until: seconds since 1970, from which it holds no more by what it says itself; None: it says nothing. A
            store that indexes it puts the time there at which another memory took its place, where that is earlier.
    """

    source: str = ""
    scope: str = ""
    agent_name: str = ""
    trust_level: str = ""
    confidence: float | None = None
    expires_at: float | None = None
    is_injectable: bool = True
    is_internal: bool = False
    valid_from: float | None = None
    valid_until: float | None = None

    def superseded_at(self, end: float | None) -> RecordFacts:
        """The facts of a record whose place another took then; None: none did."""
        return self if end is None else replace(self, valid_until=earlier(self.valid_until, end))


@dataclass(frozen=True, slots=True)
class RecallFilter:
    """What a search looks at, besides the owner; the search itself must hold to it, so that none is crowded out.

    Attributes:
        now: seconds since 1970; what has expired by then is not found.
        sources, scopes, agent_names, trust_levels: those that are found; None for all.
        min_confidence: records below it, and those without one, are not found.
        needs_expiry: records that hold for ever are not found.
        with_internal: records of agents about their own work are found even where they were not promoted.
        metadata: values that keys of the metadata must have.
        valid_at: seconds since 1970; only what holds then is found, and None stands for `now`.
        with_history: what holds no more, or not yet, is found as well.

    Raises:
        ConfigurationError: the metadata is not plain JSON, or a time or the confidence is not a finite number.
    """

    now: float
    sources: tuple[str, ...] | None = None
    scopes: tuple[str, ...] | None = None
    agent_names: tuple[str, ...] | None = None
    trust_levels: tuple[str, ...] | None = None
    min_confidence: float | None = None
    needs_expiry: bool = False
    with_internal: bool = False
    metadata: Mapping[str, JsonValue] = field(default_factory=dict)
    valid_at: float | None = None
    with_history: bool = False

    def __post_init__(self) -> None:
        for name in ("now", "valid_at", "min_confidence"):
            number: object = getattr(self, name)
            if number is None and name != "now":
                continue
            if not is_number(number):
                raise ConfigurationError(
                    f"RecallFilter: {name} takes a finite number.", guidance="Times are seconds since 1970."
                )
            # Databases know whole numbers of 64 bits only.
            object.__setattr__(self, name, float(number))
        object.__setattr__(self, "metadata", to_json_object(dict(self.metadata), "RecallFilter: metadata"))

    @property
    def moment(self) -> float | None:
        """The time at which it must hold what is found; None: any."""
        if self.with_history:
            return None
        return self.now if self.valid_at is None else self.valid_at

    def fits(self, facts: RecordFacts, metadata: Mapping[str, JsonValue]) -> bool:
        """Whether a record is found, by its facts and its metadata."""
        lists = (
            (self.sources, facts.source),
            (self.scopes, facts.scope),
            (self.agent_names, facts.agent_name),
            (self.trust_levels, facts.trust_level),
        )
        if any(allowed is not None and value not in allowed for allowed, value in lists):
            return False
        if self.min_confidence is not None and (facts.confidence is None or facts.confidence < self.min_confidence):
            return False
        is_over = self.needs_expiry if facts.expires_at is None else facts.expires_at <= self.now
        if is_over or not facts.is_injectable or (facts.is_internal and not self.with_internal):
            return False
        if self.moment is not None and not _holds(facts, self.moment):
            return False
        return all(name in metadata and equals_json(metadata[name], one) for name, one in self.metadata.items())


def _holds(facts: RecordFacts, moment: float) -> bool:
    has_begun = facts.valid_from is None or facts.valid_from <= moment
    return has_begun and (facts.valid_until is None or facts.valid_until > moment)


def facts_of(record: MemoryRecord) -> RecordFacts:
    """The facts of a record, as it says them itself."""
    metadata = record.metadata
    version = version_of(record.memory_id, metadata, record.written_at)
    found = FoundMemory("", metadata)
    return RecordFacts(
        source=_text(found, SOURCE),
        scope=_text(found, SCOPE),
        agent_name=_text(found, AGENT_NAME),
        trust_level=_text(found, TRUST_LEVEL),
        confidence=_confidence(found),
        expires_at=holds_until(metadata, EXPIRES_AT),
        is_injectable=not_injectable(found) is None,
        is_internal=not_promoted(found) is not None,
        valid_from=begins_at(version, metadata),
        valid_until=holds_until(metadata),
    )


def _text(found: FoundMemory, names: tuple[str, ...]) -> str:
    values = [value for _, value in found.values(*names)]
    first = values[0] if values else ""
    return first if isinstance(first, str) and all(value == first for value in values) else ""


def _confidence(found: FoundMemory) -> float | None:
    numbers = [read_number(value) for _, value in found.values(*CONFIDENCE)]
    known = [number for number in numbers if number is not None]
    return min(known) if known and len(known) == len(numbers) else None


def filter_of(policy: MemoryPolicy, now: float, metadata: Mapping[str, JsonValue] | None = None) -> RecallFilter:
    """What a search may find by a policy, and by the metadata that a caller asks for."""
    return RecallFilter(
        now,
        _listed(policy.allowed_sources),
        _listed(policy.allowed_scopes),
        _listed(policy.allowed_agent_names),
        _listed(policy.allowed_trust_levels),
        policy.min_confidence,
        policy.enforce_expires_at,
        not policy.require_promotion_for_internal_memory,
        {**(policy.required_metadata or {}), **(metadata or {})},
    )


def _listed(allowed: Iterable[str] | None) -> tuple[str, ...] | None:
    """Without an empty text, by which stores would find what says nothing, and a policy keeps that out."""
    return None if allowed is None else tuple(one for one in allowed if one)
