"""What people decide about what an agent has learned: candidates are listed, and promoted or rejected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from lightagent.agent_journal import JournalAgent
from lightagent.aiokits.sync_bridge import run_sync
from lightagent.application.decide_candidates import CandidateDesk
from lightagent.application.learn import LESSONS, Learning
from lightagent.application.projections.result import OutputT_co
from lightagent.application.tools.toolset import DepsT_contra
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory import MemoryPromotionDecision

PromotionAnswer: TypeAlias = MemoryPromotionDecision | Mapping[str, object] | bool | str | None
"""What may be decided about a candidate; None approves it."""


class MemoryAgent(JournalAgent[DepsT_contra, OutputT_co]):
    """An agent whose lessons can be decided about."""

    __slots__ = ()

    def list_memory_candidates(
        self, *, include_data: bool = True, user_id: str | None = None, tenant: str = ""
    ) -> list[JsonObject]:
        """What this agent has proposed to remember, the oldest first, with what became of it.

        Candidates are kept in the agent's `session_store`; without one they live as long as the agent.

        Args:
            include_data: with the texts.
            user_id: from the runs of one user; None for all users of the tenant.
            tenant: whose runs they come from; by default those of no tenant.

        Raises:
            ConfigurationError: what is stored was changed.
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
        """Decide about a candidate, once: the first decision to promote or to reject it holds.

        Args:
            decision: what becomes of it; None approves it.
            tenant: whose run it comes from.
            actor: who decides, for the record.

        Returns:
            Whether it is a memory now.

        Raises:
            AlreadyDecided: it was decided otherwise before, or at the same time, or promoted with another text.
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
        """End the lessons of a tenant that are stale by `SelfLearning`, and remove them from the store of memories.

        A run that meets one does the same, so this is for those that nothing asks for any more.

        Args:
            tenant: whose lessons.
            dry_run: only tell which they are.

        Returns:
            Of each the `candidate_id`, the `memory_user_id` and `why`: the name of the setting that says so.

        Raises:
            ConfigurationError: the tenant is not text.
            IncompleteListing: after all others have ended, if the counts of some cannot be read.
            StoreError: a store fails, or cannot list what it holds.
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
