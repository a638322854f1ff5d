"""Memories as values: what is remembered, where it comes from, and what was decided about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal, TypeAlias, get_args

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonInput, JsonObject

PromotionAction: TypeAlias = Literal["approve", "reject", "rewrite", "keep"]
"""What a promotion policy says of a candidate; `keep` leaves it as it is."""

PROMOTION_ACTIONS: Final[tuple[PromotionAction, ...]] = get_args(PromotionAction)


@dataclass(frozen=True, slots=True)
class MemoryScope:
    """Where a memory comes from and for whom it is, as its record says it.

    Attributes:
        source: ``user``, ``agent``, ``tool``, ``trace``, ``reflection`` or ``swarm``.
        scope: ``user``, ``agent``, ``session``, ``flow``, ``swarm`` or ``project``.
        agent_name: the agent that wrote it.
        trace_id: the run in which it was written.
        parent_trace_id: the run from which that one was started.
        confidence: how sure the writer is, usually from 0 to 1.
        trust_level: such as ``verified``, ``user`` or ``system``.
        metadata: whatever else belongs to the record, as plain JSON.

    Raises:
        ConfigurationError: the metadata is not plain JSON.
    """

    source: str = "user"
    scope: str = "user"
    agent_name: str | None = None
    trace_id: str | None = None
    parent_trace_id: str | None = None
    confidence: float | None = None
    trust_level: str | None = None
    metadata: JsonObject = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "metadata", to_json_object(self.metadata, "MemoryScope: metadata"))

    @classmethod
    def user(cls, *, agent_name: str | None = None, trace_id: str | None = None, **metadata: object) -> MemoryScope:
        """What a user said."""
        kept = to_json_object(metadata, "MemoryScope: metadata")
        return cls(agent_name=agent_name, trace_id=trace_id, metadata=kept)

    @classmethod
    def reflection(
        cls,
        *,
        agent_name: str | None = None,
        trace_id: str | None = None,
        parent_trace_id: str | None = None,
        **metadata: object,
    ) -> MemoryScope:
        """What an agent made of a run that it looked back on."""
        kept = to_json_object(metadata, "MemoryScope: metadata")
        return cls("reflection", "agent", agent_name, trace_id, parent_trace_id, metadata=kept)

    def to_metadata(self) -> JsonObject:
        """The metadata of a record: what is known of it, with the fields above over keys of the same name."""
        optional = ("agent_name", "trace_id", "parent_trace_id", "confidence", "trust_level")
        known = {name: getattr(self, name) for name in optional if getattr(self, name) is not None}
        return {**self.metadata, "source": self.source, "scope": self.scope, **known}


@dataclass(frozen=True, slots=True)
class MemoryCandidate:
    """What an agent would remember of its own work. It reaches no model before it is promoted.

    Attributes:
        data: the text.
        memory_user_id: whose memory it would be, as the store knows the user.
        original_user_id: the same user as the application names them.
        source, scope, agent_name, trace_id, parent_trace_id, confidence, trust_level: as in `MemoryScope`.
        run_id: the run that proposed it.
        run_group_id: names runs that belong together.
        candidate_id: names it.
        status: ``candidate`` until something is decided about it.
        injectable: whether a model may see it.
        metadata: whatever else belongs to it, as plain JSON.
    """

    data: str
    memory_user_id: str
    original_user_id: str
    source: str
    scope: str
    agent_name: str | None = None
    trace_id: str | None = None
    parent_trace_id: str | None = None
    run_id: str | None = None
    run_group_id: str | None = None
    confidence: float | None = None
    trust_level: str | None = None
    candidate_id: str = ""
    status: str = "candidate"
    injectable: bool = False
    metadata: JsonObject = field(default_factory=dict)

    def to_metadata(self) -> JsonObject:
        """The metadata of the record that it becomes when it is promoted."""
        scope = MemoryScope(
            self.source,
            self.scope,
            self.agent_name,
            self.trace_id,
            self.parent_trace_id,
            self.confidence,
            self.trust_level,
            self.metadata,
        )
        runs = {name: value for name in ("run_id", "run_group_id") if (value := getattr(self, name)) is not None}
        return {
            **scope.to_metadata(),
            **runs,
            "user_id": self.memory_user_id,
            "original_user_id": self.original_user_id,
            "candidate_id": self.candidate_id,
            "promotion_status": self.status,
            "injectable": self.injectable,
        }

    def to_dict(self, *, include_data: bool = True) -> JsonObject:
        """All that is known of it, as plain JSON; without its text where that is not wanted, as in traces."""
        known: JsonObject = {"data": self.data} if include_data else {}
        for name in (
            "candidate_id",
            "memory_user_id",
            "original_user_id",
            "source",
            "scope",
            "agent_name",
            "trace_id",
            "parent_trace_id",
            "run_id",
            "run_group_id",
            "confidence",
            "trust_level",
            "status",
            "injectable",
        ):
            if (value := getattr(self, name)) is not None:
                known[name] = value
        known["metadata"] = dict(self.metadata)
        return known

    def promoted(self, data: str, metadata: JsonObject) -> MemoryCandidate:
        """The same as a memory that models may see."""
        return replace(self, data=data, status="promoted", injectable=True, metadata={**self.metadata, **metadata})


@dataclass(frozen=True, slots=True)
class MemoryPromotionDecision:
    """What becomes of a candidate.

    Attributes:
        action: ``approve``, ``reject``, ``rewrite`` or ``keep``.
        reason: why, for the record.
        value: the text that is remembered; None: that of the candidate.
        metadata: added to its record.

    Raises:
        ConfigurationError: the action is unknown, "rewrite" lacks a text, or the metadata is not plain JSON.
    """

    action: PromotionAction = "keep"
    reason: str | None = None
    value: str | None = None
    metadata: JsonObject = field(default_factory=dict)

    def __post_init__(self) -> None:
        what: object = self.action
        action = what.lower() if isinstance(what, str) else what
        if action not in PROMOTION_ACTIONS:
            raise ConfigurationError(
                f"MemoryPromotionDecision: unknown action {what!r:.80}.",
                guidance=f"It is one of {', '.join(PROMOTION_ACTIONS)}.",
            )
        if action == "rewrite" and not self.value:
            raise ConfigurationError("MemoryPromotionDecision: a rewriting has a text.", guidance="Pass value=….")
        object.__setattr__(self, "action", action)
        object.__setattr__(self, "metadata", to_json_object(self.metadata, "MemoryPromotionDecision: metadata"))

    def to_dict(self) -> JsonObject:
        """The decision as plain JSON."""
        told: JsonObject = {"action": self.action, "metadata": self.metadata}
        optional = {"reason": self.reason, "value": self.value}
        return {**told, **{name: value for name, value in optional.items() if value is not None}}

    @property
    def promotes(self) -> bool:
        """Whether the candidate becomes a memory."""
        return self.action in ("approve", "rewrite")

    @classmethod
    def approve(
        cls, value: str | None = None, *, reason: str | None = None, metadata: Mapping[str, JsonInput] | None = None
    ) -> MemoryPromotionDecision:
        """It becomes a memory."""
        return cls("approve", reason, value, to_json_object(metadata or {}, cls.__name__ + ": metadata"))

    @classmethod
    def reject(
        cls, reason: str | None = None, *, metadata: Mapping[str, JsonInput] | None = None
    ) -> MemoryPromotionDecision:
        """It never becomes one."""
        return cls("reject", reason, None, to_json_object(metadata or {}, cls.__name__ + ": metadata"))

    @classmethod
    def rewrite(
        cls, value: str, *, reason: str | None = None, metadata: Mapping[str, JsonInput] | None = None
    ) -> MemoryPromotionDecision:
        """It becomes a memory with this text."""
        return cls("rewrite", reason, value, to_json_object(metadata or {}, cls.__name__ + ": metadata"))

    @classmethod
    def keep(
        cls, reason: str | None = None, *, metadata: Mapping[str, JsonInput] | None = None
    ) -> MemoryPromotionDecision:
        """It stays a candidate."""
        return cls("keep", reason, None, to_json_object(metadata or {}, cls.__name__ + ": metadata"))


@dataclass(frozen=True, slots=True)
class MemoryAdmissionDecision:
    """Whether a memory may be written.

    Attributes:
        allowed: whether it may.
        reason: why not, for the record; it must not quote the text.
        value: what is written instead; None: the text as it is.
        metadata: added to its record, such as `valid_from`, `valid_until` and `supersedes`.

    Raises:
        ConfigurationError: the metadata is not plain JSON.
    """

    allowed: bool
    reason: str | None = None
    value: str | None = None
    metadata: JsonObject = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "metadata", to_json_object(self.metadata, "MemoryAdmissionDecision: metadata"))
