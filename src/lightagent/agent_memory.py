"""Decisions about what an agent has learned: list candidates, and promote or reject them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from lightagent.agent_journal import JournalAgent
from lightagent.aiokits.sync_bridge import run_sync
from lightagent.application.memory.decide_candidates import CandidateDesk
from lightagent.application.memory.learn import LESSONS, Learning
from lightagent.application.projections.result import OutputT_co
from lightagent.application.tools.deps import DepsT_contra
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.memories import MemoryPromotionDecision

PromotionAnswer: TypeAlias = MemoryPromotionDecision | Mapping[str, object] | bool | str | None
"""A decision about a candidate; None approves it."""


class MemoryAgent(JournalAgent[DepsT_contra, OutputT_co]):
    """An agent whose lessons can be reviewed."""

    __slots__ = ()

    def list_memory_candidates(
        self, *, include_data: bool = True, user_id: str | None = None, tenant: str = ""
    ) -> list[JsonObject]:
        """Return what this agent has proposed to remember, oldest first, with the state of each candidate.

        Candidates are stored in the agent's `session_store`; without one they are lost with the agent.

        Args:
            include_data: include the texts.
            user_id: only candidates from this user's runs; None: from all users of the tenant.
            tenant: the tenant whose runs they come from; by default runs without a tenant.

        Raises:
            ConfigurationError: the stored data was tampered with.
            StoreError: the store cannot be read.
        """
        return run_sync(self.alist_memory_candidates(include_data=include_data, user_id=user_id, tenant=tenant))

    async def alist_memory_candidates(
        self, *, include_data: bool = True, user_id: str | None = None, tenant: str = ""
    ) -> list[JsonObject]:
        """`list_memory_candidates` for async callers."""
        desk = self._desk
        found = [] if desk is None else await desk.list(user_id, tenant)
        return [one.to_dict(include_data=include_data) for one in found]

    def promote_memory_candidate(
        self, candidate_id: str, decision: PromotionAnswer = None, *, tenant: str = "", actor: str = ""
    ) -> bool:
        """Decide about a candidate. The first decision to promote or reject it is final.

        Args:
            decision: the decision; None approves the candidate.
            tenant: the tenant whose run proposed it.
            actor: who decides, for the record.

        Returns:
            Whether the candidate is a memory now.

        Raises:
            AlreadyDecided: it was decided otherwise, before or at the same time, or promoted with another text.
            ConfigurationError: the candidate does not exist.
            PolicyError: a policy blocks it, or its text must not reach other users.
            StoreError: a store fails.
        """
        return run_sync(self.apromote_memory_candidate(candidate_id, decision, tenant=tenant, actor=actor))

    async def apromote_memory_candidate(
        self, candidate_id: str, decision: PromotionAnswer = None, *, tenant: str = "", actor: str = ""
    ) -> bool:
        """`promote_memory_candidate` for async callers."""
        desk = self._desk
        if desk is None:
            raise ConfigurationError(
                "This agent learns nothing, so it has no candidates.", guidance="Make it with self_learning=True."
            )
        return await desk.decide(candidate_id, decision, tenant, actor)

    def expire_lessons(self, *, tenant: str = "", dry_run: bool = False) -> list[JsonObject]:
        """Expire the lessons of a tenant that `SelfLearning` considers stale, and remove them from the memory store.

        A run that encounters a stale lesson does the same; this method is for lessons that no run retrieves any more.

        Args:
            tenant: the tenant that owns the lessons.
            dry_run: only return what would be removed.

        Returns:
            For each lesson the `candidate_id`, the `memory_user_id` and `why`: the name of the setting that makes it
            stale.

        Raises:
            ConfigurationError: the tenant is not text.
            IncompleteListing: the counts of some lessons cannot be read; raised after all others have expired.
            StoreError: a store fails, or cannot list its contents.
        """
        return run_sync(self.aexpire_lessons(tenant=tenant, dry_run=dry_run))

    async def aexpire_lessons(self, *, tenant: str = "", dry_run: bool = False) -> list[JsonObject]:
        """`expire_lessons` for async callers."""
        desk = self._desk
        if desk is None:
            return []
        return [
            {"candidate_id": one.lesson_id, "memory_user_id": one.owner.user_id, "why": one.why}
            async for one in desk.tracker.expire(tenant, dry_run=dry_run)
        ]

    @property
    def _desk(self) -> CandidateDesk | None:
        learning = self.means.conclusions.get(LESSONS)
        return learning.desk if isinstance(learning, Learning) else None
