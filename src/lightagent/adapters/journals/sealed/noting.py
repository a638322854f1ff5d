"""Notes in the heads what becomes of streams, so that whatever comes between two steps is told from an attack.

A stream is announced before its first entry is written, and its end is noted after it was written. A stream that is to
be forgotten is marked before, and nothing but its birth remains noted afterwards. Where several do this at once, or one
is interrupted, the next writer settles the head by what the store has: it finds the head, reads the
stream, and replaces the head only if no other writer did meanwhile.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import replace

from lightagent.domain.errors import DamagedStream, StoreError, TamperedStream
from lightagent.domain.journals.heads import StreamHead, advance_head, belongs_to, birth_after, tombstone
from lightagent.domain.journals.seals import SealedRow, SealKeys, StreamSeals
from lightagent.domain.journals.streams import StreamInfo, StreamKey, belongs
from lightagent.domain.scopes import Scope
from lightagent.ports.journal_heads import JournalHeads
from lightagent.ports.journals import JournalStore


class HeadNotes:
    """Keeps the heads of a store up to date; where none are kept, it notes nothing."""

    def __init__(self, store: JournalStore, heads: JournalHeads | None, keys: SealKeys) -> None:
        self._store, self._heads, self._keys = store, heads, keys

    async def announce(self, key: StreamKey, seals: StreamSeals) -> tuple[str, StreamHead | None]:
        """The birth of a stream that is about to be begun, and its head.

        Several writers may do so at once. Only one of them will, and no two have the same birth.
        """
        own = secrets.token_urlsafe(9)
        while self._heads is not None:
            head = await self._heads.find(seals.mark)
            if head is None or head.state != "live":
                new = StreamHead(secrets.token_urlsafe(9), key=key)
                if not await self._heads.replace(seals.mark, head, new):
                    continue
                head = new
            return birth_after(head, own), head
        return own, None

    async def note(self, seals: StreamSeals, stream: StreamInfo, row: SealedRow, head: StreamHead | None) -> None:
        """Note where a stream ends, now that it was written; `head` is what was noted before."""
        if self._heads is None:
            return
        while head is not None:
            if head.state != "live" or not belongs_to(row, head):  # It was forgotten while it was written.
                await self._settle(stream.key, seals, row.birth)
                return
            new = advance_head(head, stream, row)
            if new == head or await self._heads.replace(seals.mark, head, new):
                return
            head = await self._heads.find(seals.mark)

    async def forget(self, key: StreamKey, seals: StreamSeals, remove: Callable[[], Awaitable[int]]) -> int:
        """Remove a stream by `remove`, and leave a tombstone."""
        await self._leave(seals)
        try:
            removed = await remove()
        except StoreError:
            await self._settle(key, seals)
            raise
        await self._settle(key, seals)
        return removed

    async def forget_subject(self, subject: Scope, remove: Callable[[], Awaitable[int]]) -> int:
        """Remove all streams of a subject by `remove`, and leave a tombstone for each."""
        for key in await self._keys_of(subject):
            await self._leave(StreamSeals(self._keys, key))
        removed = await remove()
        for key in await self._keys_of(subject):  # Some may have been begun meanwhile.
            await self._settle(key, StreamSeals(self._keys, key))
        return removed

    async def _keys_of(self, subject: Scope) -> list[StreamKey]:
        if self._heads is None:
            return []
        known = [head.key async for head in self._heads.known() if isinstance(head, StreamHead)]
        return [key for key in known if key is not None and belongs(key.owner, subject)]

    @staticmethod
    async def _readable(heads: JournalHeads, mark: str) -> StreamHead | None:
        """The head of a stream that is to be forgotten, None if it is damaged: its data can be removed all the same."""
        try:
            return await heads.find(mark)
        except DamagedStream:
            return None

    async def _leave(self, seals: StreamSeals) -> None:
        while self._heads is not None:
            head = await self._readable(self._heads, seals.mark)
            if head is None or head.state != "live":
                return
            if await self._heads.replace(seals.mark, head, replace(head, state="leaving")):
                return

    async def _settle(self, key: StreamKey, seals: StreamSeals, written: str = "") -> None:
        """Note whether a stream exists that was forgotten, and may have been written again meanwhile.

        Args:
            written: the birth of the stream that the caller has just written, if it has.
        """
        while self._heads is not None:
            head = await self._readable(self._heads, seals.mark)
            if head is None:
                return
            stream = (await self._store.read(key, 0, 1)).stream
            new = self._settled(seals, head, stream, written)
            if new == head:
                return
            # Then once more: who forgets a whole subject meanwhile sees the head only once it is replaced.
            await self._heads.replace(seals.mark, head, new)

    @staticmethod
    def _settled(seals: StreamSeals, head: StreamHead, stream: StreamInfo, written: str) -> StreamHead:
        try:
            row = seals.open_row(stream)
        except TamperedStream:
            return head
        if row is None:
            return tombstone(head)
        if head.state != "gone" and belongs_to(row, head):
            return replace(head, state="live", key=stream.key)
        return advance_head(StreamHead(written), stream, row) if row.birth == written else head
