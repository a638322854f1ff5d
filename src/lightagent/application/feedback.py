"""What people think of runs, kept in a store."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Final

from lightagent.application.event_codec import read_strictly
from lightagent.application.read_streams import list_streams
from lightagent.application.strict_json import read_json
from lightagent.domain.errors import StreamConflict
from lightagent.domain.feedback import HumanFeedback
from lightagent.domain.journal_streams import Draft, StreamKey, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore

if TYPE_CHECKING:
    from pydantic import TypeAdapter

KIND: Final = "feedback"
"""The kind of the streams that hold feedback, one for each trace."""


class Feedback:
    """The feedback in a store."""

    def __init__(self, store: JournalStore, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock

    async def add(self, feedback: HumanFeedback) -> HumanFeedback:
        """Put it on record, with the time.

        Raises:
            StoreError: the store cannot be written.
        """
        kept = replace(feedback, created_at=self._clock())
        content = json.dumps(_codec().dump_python(kept, mode="json"), separators=(",", ":"))
        key = _key(kept.trace_id)
        while True:
            head = (await self._store.read(key, -1, 1)).stream.head
            try:
                await self._store.append(key, [Draft(content)], expected=head, at=kept.created_at)
                return kept
            except StreamConflict:
                continue  # Somebody else said something at the same time.

    async def list(self, trace_id: str | None = None) -> AsyncIterator[HumanFeedback]:
        """What was said of a run, in order; without `trace_id` of all runs.

        Raises:
            ConfigurationError: what is stored was changed.
            StoreError: the store cannot be read.
        """
        if trace_id is not None:
            async for one in self._read(_key(trace_id)):
                yield one
            return
        async for stream in list_streams(self._store, StreamQuery(kind=KIND, tenant="")):
            async for one in self._read(stream.key):
                yield one

    async def _read(self, key: StreamKey) -> AsyncIterator[HumanFeedback]:
        head = 0
        while True:
            found = await self._store.read(key, head)
            for entry in found.entries:
                yield read_strictly(_codec(), read_json(entry.content), f"Feedback: entry {entry.sequence}")
                head = entry.sequence
            if head >= found.stream.head:
                return


def _key(trace_id: str) -> StreamKey:
    return StreamKey(Scope(), KIND, trace_id)


@cache
def _codec() -> TypeAdapter[HumanFeedback]:
    """Made at first use, which takes some milliseconds."""
    from pydantic import TypeAdapter

    return TypeAdapter(HumanFeedback)
