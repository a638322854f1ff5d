"""What people think of runs, kept in a store."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace

from lightagent.application.check_options import check_text
from lightagent.application.feedback.entries import CODEC, KIND, feedback_key
from lightagent.application.feedback.lesson_log import LessonLog
from lightagent.application.journals.read_streams import all_entries, read_each
from lightagent.domain.errors import ConfigurationError, StreamConflict
from lightagent.domain.journals.streams import StreamKey, StreamQuery
from lightagent.domain.learning.feedback import HumanFeedback
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore


class Feedback:
    """The feedback in a store about the runs of one tenant.

    Args:
        tenant: whose runs they are: what these were given as `tenant=`; empty for those without one.

    Raises:
        ConfigurationError: the tenant is not text.
    """

    def __init__(self, store: JournalStore, clock: Callable[[], float] = time.time, *, tenant: str = "") -> None:
        check_text(tenant, "tenant")
        self._owner = Scope(tenant)
        self._store = store
        self._clock = clock

    async def add(self, feedback: HumanFeedback) -> HumanFeedback:
        """Put it on record, with the time, and count it for the lessons that the run was given.

        Raises:
            ConfigurationError: it is not a HumanFeedback, or one of its fields has a wrong type.
            StoreError: the store cannot be written.
        """
        given: object = feedback
        if not isinstance(given, HumanFeedback):
            raise ConfigurationError(f"feedback: expected a HumanFeedback, got {type(given).__name__}.", guidance="")
        kept = replace(feedback, created_at=self._clock())
        draft = CODEC.draft(kept)
        key = feedback_key(self._owner.tenant, kept.trace_id)
        while True:
            head = (await self._store.read(key, -1, 1)).stream.head
            try:
                await self._store.append(key, [draft], expected=head, at=kept.created_at)
                break
            except StreamConflict:
                continue  # Other feedback was written at the same time.
        if kept.was_helpful is not None:
            await LessonLog(self._store, self._clock).rate(self._owner.tenant, kept.trace_id)
        return kept

    async def list(self, trace_id: str | None = None) -> AsyncIterator[HumanFeedback]:
        """The feedback about a run, in order; without `trace_id` about all runs.

        Raises:
            ConfigurationError: the stored feedback was changed.
            IncompleteListing: after all that can be read of all runs, if something cannot.
            StoreError: the store cannot be read.
        """
        if trace_id is not None:
            for one in await self._read(feedback_key(self._owner.tenant, trace_id)):
                yield one
            return
        query = StreamQuery(kind=KIND, tenant=self._owner.tenant)
        async for found in read_each(self._store, query, self._read, "Feedback"):
            for one in found:
                yield one

    async def _read(self, key: StreamKey) -> Sequence[HumanFeedback]:
        return [CODEC.read(entry) async for entry in all_entries(self._store, key)]
