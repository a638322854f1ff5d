"""A journal store whose entries and streams are sealed, over one that only keeps them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from lightagent.adapters.journals.sealed.noting import HeadNotes
from lightagent.adapters.journals.sealed.reading import CheckedReader, Looked
from lightagent.aiokits.paging import all_pages
from lightagent.domain.errors import ConfigurationError, StreamConflict, TamperedStream
from lightagent.domain.journals.heads import fault_of, has_new_entries
from lightagent.domain.journals.input_checks import check_forgetting, check_reading, check_written
from lightagent.domain.journals.seals import SealedRow, SealKeys, StreamSeals
from lightagent.domain.journals.streams import (
    MOST_LISTED,
    Draft,
    Lease,
    Slice,
    StoreNote,
    StreamInfo,
    StreamKey,
    StreamPage,
    StreamQuery,
    check_end,
)
from lightagent.domain.scopes import Scope
from lightagent.ports.journal_heads import JournalHeads
from lightagent.ports.journals import CodedStore, ExaminedStore, JournalStore, ListedStore


class SealedJournalStore(JournalStore, ListedStore, ExaminedStore):
    """Seals what it writes, and refuses what was changed behind its back with a `TamperedStream`.

    A listing names such streams in `StreamPage.unreadable`; a deleted one only where the query gives its whole key.
    Leases are not sealed: forging one delays writers, and changes nothing that they wrote.

    Args:
        store: keeps the streams; it has to be empty or sealed with these keys. See `copy_journals` for another.
        keys: of `seal_keys`.
        heads: where each stream's end is noted, out of reach for those who can write to the store.
        patience: seconds in which other writers may come to note what they wrote, before it counts as an edit.

    Raises:
        ConfigurationError: `store` is an encrypted one; that has to stand before this one.
    """

    def __init__(
        self, store: JournalStore, keys: SealKeys, heads: JournalHeads | None = None, *, patience: float = 0.25
    ) -> None:
        if isinstance(store, CodedStore):
            raise ConfigurationError(
                "A sealed store cannot stand before an encrypted one.",
                guidance="Name the encrypted store first, with the sealed one as its store: the seals are then "
                "verified without the key of the content.",
            )
        self._store, self._keys, self._heads = store, keys, heads
        self._reader = CheckedReader(store, heads, patience)
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
        replacing: str | None = None,
    ) -> int:
        check_written(drafts, labels, expected, at, token, seal)
        seals = StreamSeals(self._keys, key)
        while True:
            # What is there is checked before every append, so that no entry ever makes an edit look genuine.
            looked = await self._reader.look(key, seals, max(expected, 0))
            if looked.stream.head != expected or replacing not in (None, looked.outer):
                raise await self._refusal(looked.stream, drafts, expected, at, token)
            try:
                return await self._append(looked, seals, drafts, at, labels, token, seal)
            except StreamConflict as conflict:
                if conflict.actual != expected:
                    raise
                # It was pruned meanwhile, or forgotten and begun again.

    async def read(self, key: StreamKey, after: int = 0, limit: int = 1000, wait: float = 0.0) -> Slice:
        check_reading(after, limit)
        seals = StreamSeals(self._keys, key)
        found = await self._reader.slice(key, seals, after, limit)
        if found.entries or wait <= 0:
            return found
        await self._store.read(key, after, 1, wait)
        return await self._reader.slice(key, seals, after, limit)

    async def list(self, query: StreamQuery) -> StreamPage:
        page = await self._store.list(query)
        # All at once, so that they are patient together.
        found = await asyncio.gather(*(self._listed(stream, query) for stream in page.streams), return_exceptions=True)
        streams, unreadable = list[StreamInfo](), [*page.unreadable]
        for one in found:
            if isinstance(one, TamperedStream):
                unreadable.append(one.message)
            elif isinstance(one, BaseException):
                raise one
            elif one is not None:
                streams.append(one)
        if not found and self._heads is not None and (only := query.only) is not None:
            unreadable += await self._missing(only)
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
        replacing: str | None = None,
    ) -> int:
        check_forgetting(what, before, expected, seal, replacing)
        if isinstance(what, Scope):
            return await self._notes.forget_subject(what, lambda: self._store.forget(what))
        seals = StreamSeals(self._keys, what)
        if before is not None:
            return await self._prune(what, seals, before, expected, seal, replacing)
        inner: str | None = None
        if replacing is not None:
            looked = await self._reader.look(what, seals)
            check_end(replace(looked.stream, seal=looked.outer), expected, replacing)
            inner = looked.stream.seal
        return await self._notes.forget(
            what, seals, lambda: self._store.forget(what, expected=expected, replacing=inner)
        )

    async def all_streams(self) -> AsyncIterator[StreamKey | str]:
        listed = set[StreamKey]()
        async for page in all_pages(lambda cursor: self._store.list(StreamQuery(limit=MOST_LISTED, cursor=cursor))):
            for stream in page.streams:
                listed.add(stream.key)
                yield stream.key
            for text in page.unreadable:
                yield text
        if self._heads is not None:
            async for head in self._heads.known():
                if isinstance(head, str):
                    yield head
                elif head.key is not None and head.key not in listed:
                    yield head.key

    async def examine(self) -> Sequence[StoreNote]:
        return await self._store.examine() if isinstance(self._store, ExaminedStore) else ()

    async def aclose(self) -> None:
        await self._store.aclose()
        if self._heads is not None:
            await self._heads.aclose()

    async def _append(
        self,
        looked: Looked,
        seals: StreamSeals,
        drafts: Sequence[Draft],
        at: float,
        labels: Mapping[str, str] | None,
        token: int | None,
        outer: str,
    ) -> int:
        """Append to a stream as it was found, and raise `StreamConflict` where it is another by now."""
        found, row, head = looked.stream, looked.row, looked.head
        if row is None:
            birth, head = await self._notes.announce(found.key, seals)
            row = SealedRow(birth, "")
        sealed, tip = seals.seal_entries(row, found.head, drafts)
        row = SealedRow(row.birth, tip, row.front, outer)
        stream = replace(
            found,
            head=found.head + len(drafts),
            labels=dict(found.labels if labels is None else labels),
            created_at=found.created_at if found.head else at,
            updated_at=at,
        )
        last = await self._store.append(
            found.key,
            sealed,
            expected=found.head,
            at=at,
            labels=labels,
            token=token,
            seal=seals.seal_row(stream, row),
            replacing=found.seal,
        )
        await self._notes.note(seals, stream, row, head)
        return last

    async def _refusal(
        self, stream: StreamInfo, drafts: Sequence[Draft], expected: int, at: float, token: int | None
    ) -> StreamConflict:
        """Why an append is refused that expects another end. A lost lease comes first, and the store knows of it.

        Raises:
            Fenced: the lease was lost, or another writer holds one.
        """
        with suppress(StreamConflict):
            await self._store.append(stream.key, drafts, expected=-1, at=at, token=token)
        return StreamConflict(expected, stream.head)

    async def _listed(self, stream: StreamInfo, query: StreamQuery) -> StreamInfo | None:
        """Return a listed stream as its writer left it, or None if it was forgotten meanwhile.

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
            head = await self._reader.head(seals)
            doubtful = head is None or bool(fault_of(stream, row, head)) or has_new_entries(stream, head)
            # There may have been a write since the listing was made; if there was none, this raises.
            if doubtful and (await self._reader.look(stream.key, seals)).row is None:
                return None
        return replace(stream, seal=row.outer)

    async def _missing(self, key: StreamKey) -> Sequence[str]:
        """What is wrong with a stream that was asked for by its whole key and is not listed.

        A listing does not look for other missing streams, since that means reading all heads; `verify_journals` does.
        """
        try:
            await self._reader.look(key, StreamSeals(self._keys, key))
        except TamperedStream as error:
            return (error.message,)
        return ()

    async def _prune(
        self,
        key: StreamKey,
        seals: StreamSeals,
        before: int,
        expected: int | None,
        outer: str | None,
        replacing: str | None,
    ) -> int:
        while True:
            opened, looked = await self._reader.opened(key, seals, max(before - 2, 0), 1)
            stream, row = looked.stream, looked.row
            check_end(replace(stream, seal=looked.outer), expected, replacing)
            base = min(before - 1, stream.head)
            if row is None or base <= stream.base:
                return 0
            front = row.tip if base == stream.head else opened[0][1]
            row = replace(row, front=front, outer=row.outer if outer is None else outer)
            pruned = replace(stream, base=base)
            seal = seals.seal_row(pruned, row)
            try:
                gone = await self._store.forget(
                    key, before=before, expected=stream.head, seal=seal, replacing=stream.seal
                )
            except StreamConflict:
                continue  # Another writer appended meanwhile.
            await self._notes.note(seals, pruned, row, looked.head)
            return gone
