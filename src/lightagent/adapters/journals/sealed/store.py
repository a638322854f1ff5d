"""A journal store whose entries and streams are sealed, over one that only keeps them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

from lightagent.adapters.journals.sealed.noting import HeadNotes
from lightagent.adapters.journals.sealed.reading import CheckedReader
from lightagent.domain.errors import ConfigurationError, StreamConflict, TamperedStream
from lightagent.domain.journal_heads import fault_of, goes_on
from lightagent.domain.journal_seals import SealedRow, SealKeys, StreamSeals
from lightagent.domain.journal_streams import (
    MOST_LISTED,
    Draft,
    Lease,
    Slice,
    StreamInfo,
    StreamKey,
    StreamPage,
    StreamQuery,
    check_drafts,
    check_read,
    check_subject,
)
from lightagent.domain.scopes import Scope
from lightagent.ports.journal_heads import JournalHeads
from lightagent.ports.journals import JournalStore, ListedStore


class SealedJournalStore(JournalStore, ListedStore):
    """Seals what it writes, and refuses what was changed behind its back with a `TamperedStream`.

    A listing tells of such streams in `StreamPage.unreadable`. Leases are not sealed: forging one delays writers, and
    changes nothing that they wrote.

    Args:
        store: keeps the streams; it has to be empty or sealed with these keys. See `copy_journals` for another.
        keys: of `seal_keys`.
        heads: where each stream's end is noted, out of the reach of whoever can write to the store.
    """

    def __init__(self, store: JournalStore, keys: SealKeys, heads: JournalHeads | None = None) -> None:
        self._store, self._keys, self._heads = store, keys, heads
        self._reader = CheckedReader(store, heads)
        self._notes = HeadNotes(store, heads, keys)

    async def append(
        self,
        key: StreamKey,
        drafts: Sequence[Draft],
        *,
        expected: int,
        at: float,
        labels: Mapping[str, str] | None = None,
        token: int | None = None,
        seal: str = "",
    ) -> int:
        check_drafts(drafts, labels)
        seals = StreamSeals(self._keys, key)
        # What is there is checked before every append, so that no entry ever makes an edit look genuine.
        looked = await self._reader.look(key, seals, max(expected, 0))
        while looked.stream.head != expected:
            await self._refused(key, drafts, expected, at, token)
            looked = await self._reader.look(key, seals, max(expected, 0))
        stream, row, head = looked.stream, looked.row, looked.head
        if row is None:
            head = await self._notes.announce(key, seals)
            stream, row = StreamInfo(key, created_at=at), SealedRow(head.birth, "")
        sealed, tip = seals.seal_entries(row, expected, drafts)
        kept = dict(stream.labels if labels is None else labels)
        row = SealedRow(row.birth, tip, row.front, seal)
        stream = replace(stream, head=expected + len(drafts), labels=kept, updated_at=at)
        sealed_row = seals.seal_row(stream, row)
        last = await self._store.append(
            key, sealed, expected=expected, at=at, labels=labels, token=token, seal=sealed_row
        )
        await self._notes.note(seals, stream, row, head)
        return last

    async def read(self, key: StreamKey, after: int = 0, limit: int = 1000, wait: float = 0.0) -> Slice:
        check_read(limit)
        seals = StreamSeals(self._keys, key)
        found = await self._reader.slice(key, seals, after, limit)
        if found.entries or wait <= 0:
            return found
        await self._store.read(key, after, 1, wait)
        return await self._reader.slice(key, seals, after, limit)

    async def list(self, query: StreamQuery) -> StreamPage:
        page = await self._store.list(query)
        streams, unreadable = list[StreamInfo](), [*page.unreadable]
        for stream in page.streams:
            try:
                listed = await self._listed(stream, query)
            except TamperedStream as error:
                unreadable.append(error.message)
            else:
                streams += [] if listed is None else [listed]
        return StreamPage(tuple(streams), page.next, tuple(unreadable))

    async def lease(self, key: StreamKey, holder: str, seconds: float, token: int | None = None) -> Lease:
        return await self._store.lease(key, holder, seconds, token)

    async def forget(
        self,
        what: StreamKey | Scope,
        *,
        before: int | None = None,
        expected: int | None = None,
        seal: str | None = None,
    ) -> int:
        if isinstance(what, Scope):
            check_subject(what)
            if before is not None or expected is not None or seal is not None:
                raise ConfigurationError("before, expected and seal are for a single stream.", guidance="")
            return await self._notes.forget_subject(what, lambda: self._store.forget(what))
        seals = StreamSeals(self._keys, what)
        if before is not None:
            return await self._prune(what, seals, before, expected, seal)
        return await self._notes.forget(what, seals, lambda: self._store.forget(what, expected=expected))

    async def all_streams(self) -> AsyncIterator[StreamKey | str]:
        listed, query = set[StreamKey](), StreamQuery(limit=MOST_LISTED)
        while True:
            page = await self._store.list(query)
            for stream in page.streams:
                listed.add(stream.key)
                yield stream.key
            for text in page.unreadable:
                yield text
            if not page.next:
                break
            query = replace(query, cursor=page.next)
        if self._heads is not None:
            async for head in self._heads.known():
                if head.key is not None and head.key not in listed:
                    yield head.key

    async def aclose(self) -> None:
        await self._store.aclose()
        if self._heads is not None:
            await self._heads.aclose()

    async def _refused(
        self, key: StreamKey, drafts: Sequence[Draft], expected: int, at: float, token: int | None
    ) -> None:
        """Have the store say why an append at another end is refused: the lease comes before the end."""
        try:
            await self._store.append(key, drafts, expected=-1, at=at, token=token)
        except StreamConflict as conflict:
            if conflict.actual != expected:
                raise StreamConflict(expected, conflict.actual) from None

    async def _listed(self, stream: StreamInfo, query: StreamQuery) -> StreamInfo | None:
        """A stream of a listing as its writer left it; None where it was forgotten meanwhile.

        Raises:
            TamperedStream: it is not.
        """
        seals = StreamSeals(self._keys, stream.key)
        row = seals.open_row(stream)
        if row is None:
            return None
        if not query.matches(stream):
            raise seals.tampered("it is listed by what it does not have")
        if self._heads is not None:
            head = await self._heads.find(seals.mark)
            doubtful = head is None or bool(fault_of(stream, row, head)) or goes_on(stream, head)
            # Somebody may have written since the listing was made; if nobody has, this raises.
            if doubtful and (await self._reader.look(stream.key, seals)).row is None:
                return None
        return replace(stream, seal=row.outer)

    async def _prune(
        self, key: StreamKey, seals: StreamSeals, before: int, expected: int | None, outer: str | None
    ) -> int:
        while True:
            looked = await self._reader.look(key, seals)
            stream, row = looked.stream, looked.row
            base = min(before - 1, stream.head)
            if row is None or base <= stream.base:
                return await self._store.forget(key, before=before, expected=expected)
            if expected is not None and expected != stream.head:
                raise StreamConflict(expected, stream.head)
            opened, again = await self._reader.opened(key, seals, base - 1, 1)
            if again.stream.seal != stream.seal:
                continue
            front = opened[0][1]
            row = replace(row, front=front, outer=row.outer if outer is None else outer)
            stream = replace(stream, base=base)
            try:
                gone = await self._store.forget(
                    key, before=before, expected=stream.head, seal=seals.seal_row(stream, row)
                )
            except StreamConflict:
                if expected is not None:
                    raise
                continue
            if gone:
                await self._notes.note(seals, stream, row, looked.head)
            return gone
