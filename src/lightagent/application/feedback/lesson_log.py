"""The uses of lessons, each lesson a stream of a journal store: counts without texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Final, TypeAlias

from lightagent.application.feedback.entries import last_helpful
from lightagent.application.journals.entry_codec import EntryCodec
from lightagent.application.journals.read_streams import list_streams
from lightagent.domain.errors import ConfigurationError, DamagedStream, IncompleteListing, StreamConflict
from lightagent.domain.journals.streams import StreamKey, StreamQuery
from lightagent.domain.learning.lesson_ratings import (
    MOST_RECENT,
    LessonsOfRun,
    LessonTally,
    LessonUse,
    note_ended,
    note_rated,
    record_use,
)
from lightagent.domain.memory.records import MemoryOwner
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore

if TYPE_CHECKING:
    from pydantic import TypeAdapter

KIND: Final = "lesson"
"""The kind of the streams that count the uses of lessons."""

RUNS: Final = "lessons_of_run"
"""The kind of the streams that tell which lessons a run was told of."""

_TRACE: Final = "trace"
"""The label by which a run is found that somebody rates."""

_ENTRIES_KEPT: Final = 8 * MOST_RECENT
"""With more than that the front of a stream is dropped: the last entries tell everything."""

_Next: TypeAlias = Callable[[LessonTally, Sequence[LessonUse]], LessonUse | None]


@dataclass(frozen=True, slots=True)
class GivenLesson:
    """A lesson that a run was told of.

    Attributes:
        owner: whose lesson it is.
        lesson_id: names it.
        kept_at: when it became a memory, in seconds since 1970.
        used: whether the answer took something from it.
    """

    owner: MemoryOwner
    lesson_id: str
    kept_at: float
    used: bool


class LessonLog:
    """Counts the uses of the lessons in a store.

    Args:
        clock: tells the time, in seconds since 1970.
    """

    def __init__(self, store: JournalStore, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    async def tally(self, owner: MemoryOwner, lesson_id: str) -> LessonTally | None:
        """The counts of a lesson; None where no run was told of it yet.

        Raises:
            ConfigurationError: what is stored was changed.
            StoreError: the store cannot be read.
        """
        found = await self._store.read(_key(owner.tenant, owner.user, lesson_id), -1, 1)
        return _CODEC.read(found.entries[-1]).tally if found.entries else None

    async def count_run(self, owner: MemoryOwner, run_id: str, trace_id: str, uses: Sequence[GivenLesson]) -> None:
        """Count a run for the lessons that it was given, once, together with feedback that it has already.

        A lesson whose counts were changed is left out.

        Args:
            owner: of what is learned with the user of the run.

        Raises:
            ConfigurationError: what is stored of the run was changed.
            StoreError: the store cannot be read or written.
        """
        key = StreamKey(Scope(owner.tenant, owner.user), RUNS, run_id)
        if not uses:
            return
        if not (await self._store.read(key, -1, 1)).entries:  # Else the run was resumed after it was counted.
            for one in uses:
                with suppress(DamagedStream, ConfigurationError):  # `lightagent verify` tells of it; others count.
                    await self._record_use(one, run_id, trace_id)
            draft = _RUNS.draft(LessonsOfRun(tuple((one.owner.user, one.lesson_id) for one in uses)))
            with suppress(StreamConflict):  # It is resumed twice at once.
                await self._store.append(key, [draft], expected=0, at=self._clock(), labels={_TRACE: trace_id})
        with suppress(DamagedStream, ConfigurationError):  # `lightagent verify` reports it.
            await self._rate_run(key, trace_id)

    async def _record_use(self, lesson: GivenLesson, run_id: str, trace_id: str) -> None:
        now = self._clock()
        await self._add(
            _key(lesson.owner.tenant, lesson.owner.user, lesson.lesson_id),
            LessonTally(lesson.kept_at),
            lambda tally, recent: record_use(tally, recent, run_id, trace_id, now, used=lesson.used),
        )

    async def end(self, owner: MemoryOwner, lesson_id: str, tally: LessonTally, why: str) -> None:
        """Put on record that a lesson is not recalled any more.

        Raises:
            ConfigurationError: what is stored was changed.
            StoreError: the store cannot be read or written.
        """
        now = self._clock()
        key = _key(owner.tenant, owner.user, lesson_id)
        await self._add(key, tally, lambda known, _: note_ended(known, why, now))

    async def rate(self, tenant: str, trace_id: str) -> None:
        """Count the latest feedback about a run for the lessons that it was given; what cannot be read is left out.

        Raises:
            StoreError: the store cannot be read or written.
        """
        query = StreamQuery(kind=RUNS, tenant=tenant, labels={_TRACE: trace_id})
        with suppress(IncompleteListing):
            async for stream in list_streams(self._store, query):
                with suppress(DamagedStream, ConfigurationError):
                    await self._rate_run(stream.key, trace_id)

    async def _rate_run(self, key: StreamKey, trace_id: str) -> None:
        """Go on until nothing changes any more: who counts something else at the same time would be overlooked."""
        while True:
            found = await self._store.read(key, -1, 1)
            helped = await last_helpful(self._store, key.owner.tenant, trace_id)
            if not found.entries or helped is None:
                return
            told = _RUNS.read(found.entries[-1])
            changed = await self._rate_lessons(key, trace_id, told, helped=helped)
            if told.helped is helped and not changed:
                return
            draft = _RUNS.draft(replace(told, helped=helped))
            with suppress(StreamConflict):
                await self._store.append(key, [draft], expected=found.stream.head, at=self._clock())

    async def _rate_lessons(self, key: StreamKey, trace_id: str, told: LessonsOfRun, *, helped: bool) -> bool:
        """Count it for each lesson; returns whether that changed anything."""
        now, changed = self._clock(), False
        for owner, lesson_id in told.lessons:
            # Of a user, a run knows their lessons and those for everybody, whatever an entry says.
            if owner in ("", key.owner.user):
                with suppress(DamagedStream, ConfigurationError):  # `lightagent verify` tells of it; others count.
                    changed |= await self._add(
                        _key(key.owner.tenant, owner, lesson_id),
                        None,
                        lambda tally, recent: note_rated(tally, recent, trace_id, told.helped, now, helped=helped),
                    )
        return changed

    async def _add(self, key: StreamKey, begin: LessonTally | None, note: _Next) -> bool:
        """Append what `note` makes of the counts, unless it is None; returns whether anything was appended.

        A stream begins with `begin`, if there is one.
        """
        while True:
            found = await self._store.read(key, -MOST_RECENT, MOST_RECENT)
            recent = [_CODEC.read(entry) for entry in found.entries]
            tally = recent[-1].tally if recent else begin
            entry = None if tally is None else note(tally, recent)
            if entry is None:
                return False
            head = found.stream.head
            try:
                await self._store.append(key, [_CODEC.draft(entry)], expected=head, at=entry.at)
            except StreamConflict:
                continue  # Another run was first.
            if head - found.stream.base > _ENTRIES_KEPT:
                await self._store.forget(key, before=head - MOST_RECENT)
            return True


def _key(tenant: str, user: str, lesson_id: str) -> StreamKey:
    return StreamKey(Scope(tenant, user), KIND, lesson_id)


@cache
def _adapter() -> TypeAdapter[LessonUse]:
    from pydantic import TypeAdapter

    return TypeAdapter(LessonUse)


@cache
def _run_adapter() -> TypeAdapter[LessonsOfRun]:
    from pydantic import TypeAdapter

    return TypeAdapter(LessonsOfRun)


_CODEC: Final = EntryCodec("Lesson", _adapter)
_RUNS: Final = EntryCodec("Lessons of a run", _run_adapter)
