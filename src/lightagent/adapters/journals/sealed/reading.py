"""Reads a store and checks what it gives, by its seals and, where they are kept, by its heads."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from lightagent.domain.errors import DamagedStream, TamperedStream
from lightagent.domain.journals.heads import StreamHead, advance_head, fault_of, has_new_entries
from lightagent.domain.journals.seals import SealedRow, StreamSeals
from lightagent.domain.journals.streams import MOST_LISTED, Entry, Slice, StreamInfo, StreamKey
from lightagent.ports.journal_heads import JournalHeads
from lightagent.ports.journals import JournalStore


@dataclass(frozen=True, slots=True)
class Looked:
    """What the store gave of a stream, its row checked; `row` is None where the stream has no entries."""

    found: Slice
    row: SealedRow | None
    head: StreamHead | None

    @property
    def stream(self) -> StreamInfo:
        """The row as the store keeps it."""
        return self.found.stream

    @property
    def outer(self) -> str:
        """The seal that the last writer gave."""
        return "" if self.row is None else self.row.outer


class CheckedReader:
    """Reads from a store what its seals and heads confirm.

    Args:
        store: what is read.
        heads: where the ends of its streams are noted, if they are.
        patience: seconds in which others may come to the end of what they write and note.
    """

    def __init__(self, store: JournalStore, heads: JournalHeads | None, patience: float) -> None:
        self._store, self._heads, self._patience = store, heads, patience

    async def look(self, key: StreamKey, seals: StreamSeals, after: int = 0, limit: int = 1) -> Looked:
        """A stream's row, checked, and some of its entries, which are not checked yet.

        Others write to the store and to the heads one after the other. So what does not fit is a fault only if it
        stays as it is for a while.

        Raises:
            TamperedStream: row and seal, or stream and head, do not fit.
        """
        tried: tuple[StreamHead | None, str, int] | None = None
        clock = asyncio.get_running_loop().time
        deadline = clock()
        while True:
            head = await self.head(seals)
            found = await self._store.read(key, after, limit)
            row = seals.open_row(found.stream)
            fault = "" if self._heads is None else await self._compare(self._heads, seals, found.stream, row, head)
            if not fault:
                return Looked(found, row, head)
            state = (head, found.stream.seal, found.stream.head)
            if state != tried:
                tried, deadline = state, clock() + self._patience
            elif clock() >= deadline:
                raise seals.tampered(fault)
            await asyncio.sleep(self._patience / 8)

    async def head(self, seals: StreamSeals) -> StreamHead | None:
        """The head of a stream, if heads are kept and it has one.

        Raises:
            TamperedStream: it cannot be read.
        """
        if self._heads is None:
            return None
        try:
            return await self._heads.find(seals.mark)
        except DamagedStream:
            raise seals.tampered("what is noted elsewhere of its end cannot be read") from None

    async def slice(self, key: StreamKey, seals: StreamSeals, after: int, limit: int) -> Slice:
        """Some entries of a stream, all of them checked, with the seals that their writers gave.

        Raises:
            TamperedStream: they are not what was written there.
        """
        opened, looked = await self.opened(key, seals, after, limit)
        if looked.row is None:
            told = StreamInfo(key, holder=looked.stream.holder, lease_left=looked.stream.lease_left)
        else:
            told = replace(looked.stream, seal=looked.outer)
        return Slice(told, tuple(entry for entry, _ in opened))

    async def opened(
        self, key: StreamKey, seals: StreamSeals, after: int, limit: int
    ) -> tuple[list[tuple[Entry, str]], Looked]:
        """The same, each entry with its code."""
        # The entry before the first is read too, since the first is linked to it.
        back, wanted = (after - 1, min(limit + 1, MOST_LISTED)) if after else (0, limit)
        looked = await self.look(key, seals, back, wanted)
        if looked.row is None:
            return [], looked
        stream, entries = looked.stream, list(looked.found.entries)
        start = max(stream.head + after if after < 0 else after, stream.base)
        if entries and entries[-1].sequence < min(start + limit, stream.head):  # A whole page and one more.
            last = await self._store.read(key, entries[-1].sequence, 1)
            if not last.entries and last.stream.seal != stream.seal:  # It was pruned or forgotten meanwhile.
                return await self.opened(key, seals, after, limit)
            entries += last.entries
        link = looked.row.front
        if entries and start > stream.base:
            link = seals.link_of(entries.pop(0))
        return open_chain(seals, stream, looked.row, link, start, entries[:limit], limit), looked

    async def _compare(
        self,
        heads: JournalHeads,
        seals: StreamSeals,
        stream: StreamInfo,
        row: SealedRow | None,
        head: StreamHead | None,
    ) -> str:
        fault = fault_of(stream, row, head)
        if fault or row is None or head is None or not has_new_entries(stream, head):
            return fault
        # It was written after its head was noted last: its writer has not noted it yet, or never will.
        try:
            await self._check_way(seals, stream, row, head)
        except TamperedStream:
            return f"it does not go on from entry {head.sequence} as that was last written"
        await heads.replace(seals.mark, head, advance_head(head, stream, row))
        return ""

    async def _check_way(self, seals: StreamSeals, stream: StreamInfo, row: SealedRow, head: StreamHead) -> None:
        """See to it that the chain leads from the head as it is known to the end as it is now."""
        start = max(head.sequence, stream.base)
        link = head.code if head.sequence >= stream.base else row.front
        while start < stream.head:
            limit = min(MOST_LISTED, stream.head - start)
            entries = (await self._store.read(stream.key, start, limit)).entries
            opened = open_chain(seals, stream, row, link, start, list(entries), limit)
            start, link = opened[-1][0].sequence, opened[-1][1]


def open_chain(
    seals: StreamSeals, stream: StreamInfo, row: SealedRow, link: str, start: int, entries: list[Entry], limit: int
) -> list[tuple[Entry, str]]:
    """The entries after `start`, up to `limit` or the end, and the code of each.

    Raises:
        TamperedStream: one is missing, is not what was written there, or does not follow the one before.
    """
    expected = [*range(start + 1, min(stream.head, start + limit) + 1)]
    if [entry.sequence for entry in entries] != expected:
        raise seals.tampered(
            f"entries between {start + 1} and {min(stream.head, start + limit)} are missing or too many"
        )
    opened = list[tuple[Entry, str]]()
    for entry in entries:
        plain, link = seals.open_entry(row, link, entry)
        opened.append((plain, link))
    if expected and expected[-1] == stream.head and link != row.tip:
        raise seals.tampered("its last entry is not the one that was last written")
    return opened
