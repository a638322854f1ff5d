"""What happened to a candidate for a memory: proposed, decided, written, taken back. The first decision holds."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.learning.lesson_privacy import ConversationTexts
from lightagent.domain.memory.memories import MemoryCandidate
from lightagent.domain.memory.records import MemoryOwner

CandidateStatus: TypeAlias = Literal["candidate", "kept", "blocked", "rejected", "promoted"]
"""What became of a candidate; `rejected` and `promoted` are final."""

PromotionRule: TypeAlias = Literal[
    "memory_promotion_admission",
    "undecided",
    "person",
    "policies",
    "reject_write_patterns",
    "other_users",
    "not_a_memory",
]
"""What decided about a candidate: a setting of `MemoryPolicy`, nothing yet, a person, hooks and gates, that its text
would tell other users of this one, or that it is none which a store would keep."""

OPEN: frozenset[str] = frozenset({"candidate", "kept", "blocked"})
"""The statuses in which a candidate can still be decided about."""


def text_digest(text: str) -> str:
    """Tells texts apart, without telling them: policies may have taken out what must not be kept."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True, slots=True)
class CandidateProposed:
    """A run has proposed it.

    Attributes:
        candidate: as it was proposed.
        owner: whose memory it would be.
        said: what was said in that run, which one for all users must not repeat; empty for one of a user's own.
    """

    candidate: MemoryCandidate
    owner: MemoryOwner
    said: ConversationTexts
    at: float = field(default=0.0, compare=False)
    type: Literal["candidate_proposed"] = "candidate_proposed"


@dataclass(frozen=True, slots=True)
class CandidateDecided:
    """The candidate was decided, or left open.

    Attributes:
        status: what it is from now on.
        by: who decided: ``policy``, ``person`` or ``hooks``.
        rule: which rule.
        reason: why.
        actor: the person who decided, if one did and gave a name.
        text: what is remembered, where it is promoted.
        metadata: added to its record.
        rewritten: whether the text is another than the one that was proposed.
        asked: a digest of the text that a person wanted, where policies made another one of it.
    """

    status: CandidateStatus
    by: str
    rule: PromotionRule = "undecided"
    reason: str = ""
    actor: str = ""
    text: str = ""
    metadata: JsonObject = field(default_factory=dict)
    rewritten: bool = False
    at: float = field(default=0.0, compare=False)
    asked: str = ""
    type: Literal["candidate_decided"] = "candidate_decided"

    def is_about(self, text: str) -> bool:
        """Whether who wants this text to be remembered wants what was decided."""
        return text == self.text or (self.asked != "" and text_digest(text) == self.asked)


@dataclass(frozen=True, slots=True)
class CandidateWritten:
    """It is a memory now."""

    memory_id: str
    at: float = field(default=0.0, compare=False)
    type: Literal["candidate_written"] = "candidate_written"


@dataclass(frozen=True, slots=True)
class CandidateWithdrawn:
    """A policy blocked the candidate after it was promoted, and its memory was withdrawn."""

    reason: str
    at: float = field(default=0.0, compare=False)
    type: Literal["candidate_withdrawn"] = "candidate_withdrawn"


CandidateEntry: TypeAlias = CandidateProposed | CandidateDecided | CandidateWritten | CandidateWithdrawn


@dataclass(frozen=True, slots=True)
class CandidateState:
    """A candidate and what became of it.

    Attributes:
        candidate: as it is now: its text, status and whether models may see it.
        owner, said: as in `CandidateProposed`.
        decided: what was decided last.
        written: it was written to the store of memories.
        proposed_at: seconds since 1970.
    """

    candidate: MemoryCandidate
    owner: MemoryOwner
    said: ConversationTexts
    decided: CandidateDecided | None = None
    written: bool = False
    proposed_at: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it can still be decided."""
        return self.candidate.status in OPEN


def advance_candidate(known: CandidateState | None, entry: CandidateEntry) -> CandidateState:
    """The candidate after one more entry.

    Raises:
        ConfigurationError: the entry cannot follow here.
    """
    if isinstance(entry, CandidateProposed):
        if known is not None:
            raise _misplaced(entry)
        return CandidateState(entry.candidate, entry.owner, entry.said, proposed_at=entry.at)
    if known is None:
        raise _misplaced(entry)
    match entry:
        case CandidateDecided() if known.is_open:
            return replace(known, candidate=_decided(known.candidate, entry), decided=entry)
        case CandidateWritten() if known.candidate.status == "promoted" and not known.written:
            return replace(known, written=True)
        case CandidateWithdrawn() if known.candidate.status == "promoted":
            return replace(known, candidate=replace(known.candidate, status="rejected", injectable=False))
        case _:
            raise _misplaced(entry)


def _decided(candidate: MemoryCandidate, entry: CandidateDecided) -> MemoryCandidate:
    if entry.status == "promoted":
        return candidate.promoted(entry.text, entry.metadata)
    return replace(candidate, status=entry.status, injectable=False)


def _misplaced(entry: CandidateEntry) -> ConfigurationError:
    return ConfigurationError(f"{entry.type}: this cannot have happened here.")
