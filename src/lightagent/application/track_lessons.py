"""Tracks whether lessons are of use: which runs were told of them, and whose answers took something from them."""

from __future__ import annotations

from dataclasses import dataclass

from lightagent.application.memory_candidates import MemoryCandidates
from lightagent.application.memory_means import MemoryMeans
from lightagent.application.promote_memory import place_of
from lightagent.application.write_memory import MemoryWriter, take_back
from lightagent.domain.lessons import is_used
from lightagent.domain.memory_candidates import CandidateRecalled, CandidateRenewed, CandidateWritten
from lightagent.domain.memory_records import MemoryOwner, MemoryRecord
from lightagent.ports.context import ServedRun


@dataclass(frozen=True, slots=True)
class Told:
    """What a run was about that was told of lessons.

    Attributes:
        query: what was asked.
        owners: whose lessons it may have been told.
        tenant: of the run.
    """

    query: str
    owners: frozenset[MemoryOwner]
    tenant: str


class LessonTracker:
    """Counts the uses of lessons, and keeps those that are of use.

    Args:
        expires_after: seconds for which a lesson that was of use is recalled from then on; None: for ever.
    """

    def __init__(
        self, means: MemoryMeans, candidates: MemoryCandidates, writer: MemoryWriter, expires_after: float | None
    ) -> None:
        self._means = means
        self._candidates = candidates
        self._writer = writer
        self._expires_after = expires_after

    async def recalled(self, run: ServedRun, candidate_id: str, run_id: str, text: str, told: Told) -> None:
        """Put on record that a run was told of a lesson, which is recalled for longer where the answer used it.

        Args:
            text: the answer.
            told: what the run was about; a lesson of another owner, as a store may claim, is none of its lessons.
        """
        found = await self._candidates.look_up(candidate_id, told.tenant)
        if found is None or found[1].owner not in told.owners:
            return
        scope, state = found
        now = self._means.clock.now()
        used = is_used(state.candidate.data, told.query, text)
        state, is_new = await self._candidates.add(scope, candidate_id, CandidateRecalled(run_id, used, now))
        lasts, until = self._expires_after, state.candidate.metadata.get("expires_at")
        if not (is_new and used and lasts) or not isinstance(until, (int, float)) or until - now > lasts / 2:
            return
        if not {"forget", "ids"} <= self._means.store.supports:
            return
        state, _ = await self._candidates.add(scope, candidate_id, CandidateRenewed(now + lasts, now))
        await take_back(self._means, state.owner, candidate_id)
        record = MemoryRecord(candidate_id, state.owner, state.candidate.data, state.candidate.to_metadata(), now)
        await self._writer.keep(run, place_of(state), record)
        await self._candidates.add(scope, candidate_id, CandidateWritten(candidate_id, now))
