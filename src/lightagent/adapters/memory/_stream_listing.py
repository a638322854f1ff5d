"""Finds the streams of memories in a journal store, and those that were deleted there."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Final

from lightagent.aiokits.paging import all_pages
from lightagent.domain.errors import DamagedStream
from lightagent.domain.journals.seals import SealKeys
from lightagent.domain.journals.streams import StreamKey, StreamPage, StreamQuery
from lightagent.domain.memory.records import MemoryOwner
from lightagent.domain.memory.stream_seals import KIND, stream_labels
from lightagent.ports.journals import CodedStore, JournalStore, ListedStore
from lightagent.ports.memory import OwnerSelection

_PARTS: Final = ("namespace", "tenant", "user", "session", "agent")
_PAGE: Final = 1000


def labels_of(keys: SealKeys, key_id: str, whose: MemoryOwner | OwnerSelection) -> dict[str, str]:
    """What the streams of these owners are found by, among those that are named by one of the keys."""
    return stream_labels(keys, key_id, dict(zip(_PARTS, whose.parts, strict=True)))


def is_labelled(keys: SealKeys, owner: MemoryOwner, labels: Mapping[str, str]) -> bool:
    """Whether the stream of an owner is found by its labels."""
    return any(labels == labels_of(keys, key_id, owner) for key_id in keys.roots)


async def all_listed_streams(
    journal: JournalStore, keys: SealKeys, selection: OwnerSelection
) -> AsyncIterator[StreamKey | str]:
    """Like `listed_streams`, but without the index of labels, so that editing the index cannot hide a stream. It goes
    through all streams of memories of the tenant.

    Raises:
        StoreError: they cannot be listed.
    """
    wanted = [labels_of(keys, key_id, selection).items() for key_id in keys.roots]
    async for page in _pages(journal, StreamQuery(kind=KIND, tenant=selection.tenant, limit=_PAGE)):
        for stream in page.streams:
            if any(labels <= stream.labels.items() for labels in wanted):
                yield stream.key
        for text in page.unreadable:
            yield text


async def listed_streams(
    journal: JournalStore, keys: SealKeys, selection: OwnerSelection
) -> AsyncIterator[StreamKey | str]:
    """The streams of these owners, and those of owners who were erased, as far as they may be meant.

    What cannot be read of the listing is a text, for it is another part of the journal store that is wrong.

    Raises:
        StoreError: they cannot be listed.
    """
    for key_id in keys.roots:
        labels = labels_of(keys, key_id, selection)
        async for page in _pages(journal, StreamQuery(kind=KIND, tenant=selection.tenant, labels=labels, limit=_PAGE)):
            for stream in page.streams:
                yield stream.key
            for text in page.unreadable:
                yield text


async def deleted_streams(journal: JournalStore, tenant: str | None) -> AsyncIterator[StreamKey]:
    """Streams of memories that are not there and should be, where the journal store knows: it does if it is sealed, and
    its heads are kept elsewhere. They may be those of another store of memories.

    Raises:
        StoreError: they cannot be listed.
    """
    kept = journal
    while isinstance(kept, CodedStore):
        kept = kept.wrapped
    if not isinstance(kept, ListedStore):
        return
    listed = set[StreamKey]()
    async for page in _pages(journal, StreamQuery(kind=KIND, tenant=tenant, limit=_PAGE)):
        listed |= {stream.key for stream in page.streams}
    async for key in kept.all_streams():
        if isinstance(key, str) or key.kind != KIND or key in listed:
            continue
        if tenant not in (None, key.owner.tenant):
            continue
        try:
            await journal.read(key, 0, 1)  # It may have been begun meanwhile.
        except DamagedStream:
            yield key


def _pages(journal: JournalStore, query: StreamQuery) -> AsyncIterator[StreamPage]:
    return all_pages(lambda cursor: journal.list(replace(query, cursor=cursor)))
