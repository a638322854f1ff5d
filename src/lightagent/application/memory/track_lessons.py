"""Tracks whether lessons are of use: ranks recalled ones by that, counts their results, and ends stale ones."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from lightagent.application.check_options import check_text
from lightagent.application.feedback.lesson_log import GivenLesson, LessonLog
from lightagent.application.foreign_code import FAILURES, await_foreign, failure
from lightagent.application.memory.candidates import MemoryCandidates
from lightagent.application.memory.means import MemoryMeans, MemoryPlace
from lightagent.application.memory.memories import Memories
from lightagent.application.memory.write import take_back
from lightagent.domain.errors import ConfigurationError, DamagedStream, IncompleteListing
from lightagent.domain.learning.lesson_ratings import LessonRules, LessonTally, ranked_by_worth
from lightagent.domain.learning.lessons import is_used
from lightagent.domain.memory.filter import read_number
from lightagent.domain.memory.records import FoundMemory, MemoryOwner
from lightagent.ports.context import ServedRun
from lightagent.ports.memory import OwnerSelection


@dataclass(frozen=True, slots=True)
class LessonRun:
    """The run that is given lessons.

    Attributes:
        query: of the run.
        own: the owner of what is learned with its user.
        everybody: the owner of what is known for all users.
    """

    query: str
    own: MemoryOwner
    everybody: MemoryOwner


@dataclass(frozen=True, slots=True)
class EndedLesson:
    """A lesson that is not recalled any more.

    Attributes:
        owner: of the lesson.
        lesson_id: names it, as it does the candidate that it was.
        why: the setting of `SelfLearning` that says so.
    """

    owner: MemoryOwner
    lesson_id: str
    why: str


@dataclass(frozen=True, slots=True)
class _Judged:
    """A lesson that a search found, and why it is stale.

    Attributes:
        failed: the name of the error that prevented reading its counts or removing it.
    """

    found: FoundMemory
    tally: LessonTally
    why: str | None
    failed: str | None


class LessonTracker:
    """Keeps the counts of use of each lesson.

    Args:
        rules: when a lesson is stale.
    """

    def __init__(self, means: MemoryMeans, candidates: MemoryCandidates, log: LessonLog, rules: LessonRules) -> None:
        self._means = means
        self._candidates = candidates
        self._log = log
        self._rules = rules

    async def chosen(
        self, run: ServedRun, place: MemoryPlace, found: Sequence[FoundMemory], room: int
    ) -> list[FoundMemory]:
        """Of the lessons that a search found, best first, those that a run is told of: without stale ones, and those
        that were of more use before others. If the counts cannot be read, they stay as they are.
        """
        if room <= 0:
            return []
        try:
            judged = await await_foreign(
                self._judged(place.owner, found), self._means.policy.recall_timeout, in_time=True
            )
        except FAILURES as raised:
            run.note("memory_unavailable", {**place.about, "store": "lessons", "kind": type(failure(raised)).__name__})
            return [*found[:room]]
        for one in judged:
            if one.failed is not None:
                run.note("memory_unavailable", {**place.about, "store": "lessons", "kind": one.failed})
        fresh = [one for one in judged if one.why is None]
        return [fresh[number].found for number in ranked_by_worth([one.tally for one in fresh])[:room]]

    async def _judged(self, owner: MemoryOwner, found: Sequence[FoundMemory]) -> list[_Judged]:
        return await asyncio.gather(*(self._judge(owner, one) for one in found))

    async def _judge(self, owner: MemoryOwner, found: FoundMemory) -> _Judged:
        lesson_id, now = id_of(found), self._means.clock.now()
        known, failed = None, None
        try:  # A store can claim any id, and one damaged stream does not affect the others.
            known = await self._log.tally(owner, lesson_id) if lesson_id else None
        except FAILURES as raised:
            failed = type(failure(raised)).__name__
        tally = known or LessonTally(_promoted_at(found, now))
        why = "ended" if tally.ended else self._rules.why_stale(tally, now)
        if why is not None and lesson_id:
            try:
                await self._end(owner, lesson_id, tally, why)
            except FAILURES as raised:  # It is still stale; the next run that finds it removes it.
                failed = type(failure(raised)).__name__
        return _Judged(found, tally, why, failed)

    async def _end(self, owner: MemoryOwner, lesson_id: str, tally: LessonTally, why: str) -> None:
        """Put it on record, then remove it from the store; after a crash in between, the next run removes it."""
        if not tally.ended:
            await self._log.end(owner, lesson_id, tally, why)
        await take_back(self._means, owner, lesson_id)

    async def record(self, lesson_ids: Sequence[str], run_id: str, trace_id: str, answer: str, run: LessonRun) -> None:
        """Count a run that was given lessons, once, and which of them its answer used.

        A lesson of another owner, as a store may claim, does not count.

        Raises:
            ConfigurationError: what is stored of the run was changed.
            StoreError: the store cannot be read or written.
        """
        uses = list[GivenLesson]()
        for lesson_id in lesson_ids:
            try:
                found = await self._candidates.look_up(lesson_id, run.own.tenant)
            except (ConfigurationError, DamagedStream, IncompleteListing):
                continue  # A store can claim any id; and `lightagent verify` reports changed entries.
            if found is None or found[1].owner not in (run.own, run.everybody):
                continue
            candidate = found[1].candidate
            kept_at = read_number(candidate.metadata.get("promoted_at")) or self._means.clock.now()
            used = is_used(candidate.data, run.query, answer)
            uses.append(GivenLesson(found[1].owner, lesson_id, kept_at, used))
        await self._log.count_run(run.own, run_id, trace_id, uses)

    async def tally(self, owner: MemoryOwner, lesson_id: str) -> LessonTally | None:
        """The counts of a lesson; None if no run was given it yet.

        Raises:
            ConfigurationError: what is stored was changed.
            StoreError: the store cannot be read.
        """
        return await self._log.tally(owner, lesson_id)

    async def expire(self, tenant: str, *, dry_run: bool = False) -> AsyncIterator[EndedLesson]:
        """End the stale lessons of a tenant and remove them from the store, one by one; returns them.

        Args:
            dry_run: only report.

        Raises:
            ConfigurationError: the tenant is not text; None would mean the lessons of all.
            IncompleteListing: after all others, if the counts of some cannot be read.
            StoreError: a store cannot be read or written, or cannot list what it holds.
        """
        check_text(tenant, "tenant")
        unreadable = list[str]()
        selection = OwnerSelection(self._means.policy.namespace or "", tenant, agent=self._means.agent)
        async for record in Memories(self._means.store).list(selection):
            found, now = record.found(), self._means.clock.now()
            if found.fields.get("source") != "reflection":
                continue
            try:
                tally = await self._log.tally(record.owner, record.memory_id) or LessonTally(_promoted_at(found, now))
            except (DamagedStream, ConfigurationError) as error:
                unreadable.append(f"Lesson {record.memory_id:.100}: {error.message}")
                continue
            why = tally.ended or self._rules.why_stale(tally, now)
            if why:
                if not dry_run:
                    await self._end(record.owner, record.memory_id, tally, why)
                yield EndedLesson(record.owner, record.memory_id, why)
        if unreadable:
            raise IncompleteListing(tuple(unreadable))


def id_of(found: FoundMemory) -> str:
    """The id of a memory, or of the candidate that it was; empty if a store gives neither."""
    ids = (found.fields.get(name) for name in ("memory_id", "candidate_id"))
    return next((one for one in ids if isinstance(one, str) and one), "")


def _promoted_at(found: FoundMemory, now: float) -> float:
    """The time at which a record became a memory, by its own account; a time in the future counts as now."""
    times = (read_number(found.fields.get(name)) for name in ("promoted_at", "created_at"))
    return min(next((one for one in times if one is not None), now), now)
