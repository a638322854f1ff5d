"""Heads of streams in another journal store: another database, or one of another machine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from time import time
from typing import Final

from lightagent.adapters.journals.sealed.head_text import head_of, head_text
from lightagent.aiokits.paging import all_pages
from lightagent.domain.errors import DamagedStream, StreamConflict
from lightagent.domain.journals.heads import StreamHead
from lightagent.domain.journals.streams import MOST_LISTED, Draft, StreamInfo, StreamKey, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.journal_heads import JournalHeads
from lightagent.ports.journals import JournalStore

_KEPT: Final = 32
"""Entries after which the old ones of a head are removed: only the last one counts."""


class StoreHeads(JournalHeads):
    """Keeps each head in a stream of its own, whose last entry counts.

    Args:
        store: keeps them; those who can write to the sealed store should not be able to write to it.
        name: tells the heads of this sealed store from those of others in the same place.
        clock: tells the time that the entries bear.
    """

    def __init__(self, store: JournalStore, name: str, clock: Callable[[], float] = time) -> None:
        self._store, self._kind, self._clock = store, f"heads of {name}", clock

    async def find(self, mark: str) -> StreamHead | None:
        head, _ = await self._last(mark)
        return head

    async def replace(self, mark: str, old: StreamHead | None, new: StreamHead) -> bool:
        head, stream = await self._last(mark)
        if head != old:
            return False
        draft = Draft(head_text(new))
        try:
            end = await self._store.append(stream.key, [draft], expected=stream.head, at=self._clock())
        except StreamConflict:
            return False
        # What a head was told before is of no use, and a forgotten stream's name must not remain.
        if end - stream.base > _KEPT or new.key is None:
            await self._store.forget(stream.key, before=end)
        return True

    async def known(self) -> AsyncIterator[StreamHead | str]:
        async for page in all_pages(
            lambda cursor: self._store.list(StreamQuery(kind=self._kind, limit=MOST_LISTED, cursor=cursor))
        ):
            for text in page.unreadable:
                yield f"A head of a sealed journal store cannot be read: {text}"
            for stream in page.streams:
                try:
                    head, _ = await self._last(stream.key.id)
                except DamagedStream as error:
                    yield f"The head {stream.key.id}: {error.message} {error.guidance}"
                    continue
                if head is not None:
                    yield head

    async def aclose(self) -> None:
        await self._store.aclose()

    async def _last(self, mark: str) -> tuple[StreamHead | None, StreamInfo]:
        found = await self._store.read(StreamKey(Scope(), self._kind, mark), -1, 1)
        return head_of(found.entries[-1].content) if found.entries else None, found.stream
