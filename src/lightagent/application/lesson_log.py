"""The uses of lessons, each lesson a stream of a journal store: counts without texts."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Final, TypeAlias

from lightagent.application.entry_codec import EntryCodec
from lightagent.application.read_streams import all_entries, list_streams
from lightagent.domain.errors import ConfigurationError, DamagedStream, IncompleteListing, StreamConflict
from lightagent.domain.journal_streams import StreamKey, StreamQuery
from lightagent.domain.lesson_uses import (
    MOST_RECENT,
    LessonsOfRun,
    LessonTally,
    LessonUse,
    note_ended,
    note_rated,
    note_told,
)
from lightagent.domain.memory_records import MemoryOwner
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

_ENTRIES_KEPT: Final = 5 * MOST_RECENT
"""With more than that the front of a stream is dropped: the last entries tell everything."""

_Next: TypeAlias = Callable[[LessonTally, Sequence[LessonUse]], LessonUse | None]


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

    async def note_run(
        self, owner: MemoryOwner, run_id: str, trace_id: str, lessons: Sequence[tuple[str, str]]
    ) -> None:
        """Put on record which lessons a run was told of, once.

        Args:
            owner: of what is learned with the user of the run.
            lessons: the user that each belongs to, and its id.

        Raises:
            StoreError: the store cannot be written.
        """
        key = StreamKey(Scope(owner.tenant, owner.user), RUNS, run_id)
        draft = _RUNS.draft(LessonsOfRun(tuple(lessons)))
        try:
            await self._store.append(key, [draft], expected=0, at=self._clock(), labels={_TRACE: trace_id})
        except StreamConflict:
            return  # The run was resumed.

    async def told(
        self, owner: MemoryOwner, lesson_id: str, kept_at: float, run_id: str, trace_id: str, *, used: bool
    ) -> None:
        """Count a run that was told of a lesson, once.

        Args:
            kept_at: when the lesson became a memory.
            used: whether the answer took something from it.

        Raises:
            ConfigurationError: what is stored was changed.
            StoreError: the store cannot be read or written.
        """
        now = self._clock()
        await self._add(
            _key(owner.tenant, owner.user, lesson_id),
            LessonTally(kept_at),
            lambda tally, recent: note_told(tally, recent, run_id, trace_id, now, used=used),
        )

    async def end(self, owner: MemoryOwner, lesson_id: str, tally: LessonTally, why: str) -> None:
        """Put on record that a lesson is recalled no more.

        Raises:
            ConfigurationError: what is stored was changed.
            StoreError: the store cannot be read or written.
        """
        now = self._clock()
        key = _key(owner.tenant, owner.user, lesson_id)
        await self._add(key, tally, lambda known, _: note_ended(known, why, now))

    async def rate(self, tenant: str, trace_id: str, *, helped: bool) -> None:
        """Count what somebody thinks of a run at the lessons that it was told of; what cannot be read is left out.

        Raises:
            StoreError: the store cannot be read or written.
        """
        now = self._clock()
        async for user, lesson_id in self._lessons_of(tenant, trace_id):
            try:
                await self._add(
                    _key(tenant, user, lesson_id),
                    None,
                    lambda tally, recent: note_rated(tally, recent, trace_id, now, helped=helped),
                )
            except (DamagedStream, ConfigurationError):
                continue  # `lightagent verify` tells of it; the others count all the same.

    async def _lessons_of(self, tenant: str, trace_id: str) -> AsyncIterator[tuple[str, str]]:
        query = StreamQuery(kind=RUNS, tenant=tenant, labels={_TRACE: trace_id})
        found = dict[tuple[str, str], None]()
        try:
            async for stream in list_streams(self._store, query):
                try:
                    async for entry in all_entries(self._store, stream.key):
                        # Of a user, a run knows their lessons and those for everybody, whatever an entry says.
                        told = _RUNS.read(entry).lessons
                        found |= dict.fromkeys(one for one in told if one[0] in ("", stream.key.owner.user))
                except (DamagedStream, ConfigurationError):
                    continue
        except IncompleteListing:
            pass
        for lesson in found:
            yield lesson

    async def _add(self, key: StreamKey, begin: LessonTally | None, note: _Next) -> None:
        """Append what `note` makes of the counts, unless it is None; a stream begins with `begin`, if there is one."""
        while True:
            found = await self._store.read(key, -MOST_RECENT, MOST_RECENT)
            recent = [_CODEC.read(entry) for entry in found.entries]
            tally = recent[-1].tally if recent else begin
            entry = None if tally is None else note(tally, recent)
            if entry is None:
                return
            head = found.stream.head
            try:
                await self._store.append(key, [_CODEC.draft(entry)], expected=head, at=entry.at)
            except StreamConflict:
                continue  # Another run was first.
            if head - found.stream.base > _ENTRIES_KEPT:
                await self._store.forget(key, before=head - MOST_RECENT)
            return


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
