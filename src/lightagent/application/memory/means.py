"""The parts that remembering needs, and the places of a run's memories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.memories import MemoryScope
from lightagent.domain.memory.policy import MemoryPolicy
from lightagent.domain.memory.records import MemoryOwner
from lightagent.domain.policy.phases import Subject
from lightagent.ports.memory import MemoryStore
from lightagent.ports.system import Clock

DEFAULT_USER: Final = "default_user"
"""The owner of a run without a user."""


@dataclass(frozen=True, slots=True)
class MemoryPlace:
    """A place for memories of one kind.

    Attributes:
        owner: of the memories.
        original_user_id: the user as the application names them; for what an agent knows for all users, the agent.
        source, scope: as in `MemoryScope`.
    """

    owner: MemoryOwner
    original_user_id: str
    source: str = "user"
    scope: str = "user"

    @property
    def about(self) -> JsonObject:
        """What identifies it on record."""
        return {"source": self.source, "scope": self.scope, "user_id": self.original_user_id}


@dataclass(frozen=True, slots=True)
class MemoryMeans:
    """What remembering needs.

    Attributes:
        store: where memories are kept.
        policy: what may be remembered and recalled.
        clock: tells what has expired.
        limit: how many memories a run is given at most.
        timeout: seconds that a function of the policy may take to decide.
        agent: the name of the agent that remembers.
    """

    store: MemoryStore
    policy: MemoryPolicy
    clock: Clock
    limit: int
    timeout: float
    agent: str

    def user_place(self, subject: Subject) -> MemoryPlace:
        """The place for what the user of a run said."""
        scope = subject.origin.scope
        user = scope.user or DEFAULT_USER
        return MemoryPlace(MemoryOwner(self.policy.namespace or "", scope.tenant, user), user)

    def lesson_place(self, subject: Subject, *, for_everybody: bool = False) -> MemoryPlace:
        """The place for what the agent learned with the user of a run, or knows for all users."""
        scope, agent = subject.origin.scope, self.agent
        user = "" if for_everybody else scope.user or DEFAULT_USER
        owner = MemoryOwner(self.policy.namespace or "", scope.tenant, user, agent=agent)
        return MemoryPlace(owner, user or agent, "reflection", "agent")


def scope_of(subject: Subject, place: MemoryPlace) -> MemoryScope:
    """Where a memory of this run comes from, with whose it is as records of every make say it."""
    origin = subject.origin
    runs = {"run_id": origin.run_id, "run_group_id": origin.run_group_id}
    return MemoryScope(
        place.source,
        place.scope,
        origin.agent_name,
        origin.trace_id,
        origin.parent_trace_id or None,
        metadata={
            "user_id": place.owner.user_id,
            "original_user_id": place.original_user_id,
            **{name: value for name, value in runs.items() if value},
        },
    )
