"""Memories as stores keep them and find them: whose they are, and what they say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Final

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonObject

MOST_TEXT: Final = 1_000_000
"""Characters of one memory."""

MOST_SUPERSEDED: Final = 100
"""Memories whose place one memory can take."""
_EARLIEST: Final = -62_135_596_800
_LATEST: Final = 253_402_300_800
"""The years that times have a text for."""


@dataclass(frozen=True, slots=True)
class MemoryOwner:
    """Whose memories these are. Nothing of one owner is found by another; an empty part is a part like any other.

    Attributes:
        namespace: of the memory policy.
        tenant: of the run.
        user: of the run; empty for what an agent remembers for itself.
        session: where memories are kept for one conversation alone.
        agent: where they are an agent's own.
    """

    namespace: str = ""
    tenant: str = ""
    user: str = ""
    session: str = ""
    agent: str = ""

    def __post_init__(self) -> None:
        for name in ("namespace", "tenant", "user", "session", "agent"):
            part: object = getattr(self, name)
            if not isinstance(part, str):
                raise ConfigurationError(f"MemoryOwner: {name} is text, not {part!r:.80}.", guidance="")

    @property
    def parts(self) -> tuple[str, str, str, str, str]:
        """All parts, in the order above."""
        return (self.namespace, self.tenant, self.user, self.session, self.agent)

    @property
    def user_id(self) -> str:
        """The owner as one text, for stores that know nothing else: ``user`` or ``namespace:user`` where that says it
        all, and all five parts otherwise. The separator is escaped within them, so that no two owners share a text.
        """
        if not (self.tenant or self.session or self.agent):
            return f"{_escaped(self.namespace)}:{_escaped(self.user)}" if self.namespace else _escaped(self.user)
        return ":".join(map(_escaped, self.parts))


def _escaped(part: str) -> str:
    return part.replace("%", "%25").replace(":", "%3A")


@dataclass(frozen=True, slots=True)
class FoundMemory:
    """A record as a store gave it.

    Attributes:
        text: what is remembered.
        fields: all else that it says of itself: what stands beside the text, and below that its ``metadata``.
        beneath: what its metadata says otherwise than what stands beside the text, under the same name.
    """

    text: str
    fields: Mapping[str, object]
    beneath: Mapping[str, object] = field(default_factory=dict)

    def values(self, *names: str) -> Iterator[tuple[str, object]]:
        """All that it says under these names, each with its name; a record may contradict itself."""
        for name in names:
            for said in (self.fields, self.beneath):
                if said.get(name) is not None:
                    yield name, said[name]


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """One memory.

    Attributes:
        memory_id: names it among the memories of its owner; writing the same id again changes nothing.
        owner: whose it is.
        text: what is remembered.
        metadata: where it comes from and what else is known of it, with the keys of `MemoryScope.to_metadata`.
        written_at: seconds since 1970, of a time between the years 1 and 9999.

    Raises:
        ConfigurationError: the id is missing, the text is too long, it supersedes too many others, the time is
            invalid, or the metadata is not plain JSON.
    """

    memory_id: str
    owner: MemoryOwner
    text: str
    metadata: JsonObject = field(default_factory=dict)
    written_at: float = 0.0

    def __post_init__(self) -> None:
        if not self.memory_id:
            raise ConfigurationError("MemoryRecord: memory_id names the record.", guidance="")
        if len(self.text) > MOST_TEXT:
            raise ConfigurationError(
                f"A memory has at most {MOST_TEXT:,} characters, and this one has {len(self.text):,}.",
                guidance="Remember what it says in fewer words, or keep the document elsewhere.",
            )
        object.__setattr__(self, "metadata", to_json_object(self.metadata, "MemoryRecord: metadata"))
        object.__setattr__(self, "written_at", _checked_time(self.written_at))
        if names_too_many(self.metadata):
            raise ConfigurationError(
                f"A memory takes the place of at most {MOST_SUPERSEDED} others, and this one names more.",
                guidance="Write several, each of which names some.",
            )

    def found(self) -> FoundMemory:
        """The record as a search gives it."""
        own = {"user_id": self.owner.user_id, "memory_id": self.memory_id, "created_at": self.written_at}
        # What a store found may be changed by a policy, and the record that it keeps may not.
        metadata = {
            name: deepcopy(value) if isinstance(value, (dict, list)) else value for name, value in self.metadata.items()
        }
        return FoundMemory(self.text, {**metadata, **own})


def names_too_many(metadata: Mapping[str, object]) -> bool:
    """Whether a memory with this metadata would take the place of more others than one can."""
    named = metadata.get("supersedes")
    return isinstance(named, list) and len(named) > MOST_SUPERSEDED


def _checked_time(seconds: object) -> float:
    if (
        isinstance(seconds, bool)
        or not isinstance(seconds, (int, float))
        or not _EARLIEST <= seconds < _LATEST  # Neither comparison is true for NaN.
    ):
        raise ConfigurationError(
            "MemoryRecord: written_at is a number of seconds since 1970, between the years 1 and 9999.",
            guidance="Milliseconds are divided by 1,000.",
        )
    return float(seconds) + 0.0  # There is one zero: some stores keep no sign of it.
