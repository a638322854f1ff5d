"""Reads a whole journal store and tells what is wrong with it: damage, edits, and streams that cannot be found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from lightagent.aiokits.paging import all_pages
from lightagent.domain.errors import DamagedStream
from lightagent.domain.journal_streams import MOST_LISTED, StreamInfo, StreamKey, StreamQuery
from lightagent.ports.journals import JournalStore, ListedStore


@dataclass(frozen=True, slots=True)
class JournalFault:
    """What is wrong with one stream.

    Attributes:
        key: of the stream; None where the store cannot tell it.
        text: a sentence for an operator.
    """

    key: StreamKey | None
    text: str


async def verify_journals(store: JournalStore) -> AsyncIterator[JournalFault]:
    """Read every entry of every stream, look every stream up by its labels, and tell each fault as it is found.

    The service may go on using the store meanwhile. What has no seals is only checked for damage.

    Raises:
        StoreError: the store cannot be read at all.
    """
    async for found in _streams(store):
        if isinstance(found, str):
            yield JournalFault(None, found)
        elif text := await _fault_of(store, found):
            yield JournalFault(found, text)


async def _streams(store: JournalStore) -> AsyncIterator[StreamKey | str]:
    if isinstance(store, ListedStore):
        async for found in store.all_streams():
            yield found
        return
    async for page in all_pages(lambda cursor: store.list(StreamQuery(limit=MOST_LISTED, cursor=cursor))):
        for stream in page.streams:
            yield stream.key
        for text in page.unreadable:
            yield text


async def _fault_of(store: JournalStore, key: StreamKey) -> str:
    """What is wrong with a stream, as of a moment in which nobody changed it; empty if nothing is."""
    while True:
        try:
            stream, size = await _read_whole(store, key)
            fault = await _fault_of_listing(store, stream) if stream.head else ""
            again = (await store.read(key, max(stream.head, 1), 1)).stream
        except DamagedStream as error:
            return error.message
        if (again.head, again.base) == (stream.head, stream.base):
            return fault or (f"its size is told as {stream.size} bytes, and is {size}." if size != stream.size else "")


async def _read_whole(store: JournalStore, key: StreamKey) -> tuple[StreamInfo, int]:
    """A stream, every entry of it read, and the bytes of their content."""
    after = size = 0
    while True:
        found = await store.read(key, after, MOST_LISTED)
        size += sum(len(entry.content.encode()) for entry in found.entries)
        if not found.entries or found.entries[-1].sequence == found.stream.head:
            return found.stream, size
        after = found.entries[-1].sequence


async def _fault_of_listing(store: JournalStore, stream: StreamInfo) -> str:
    """Whether a stream is found by all that it should be found by."""
    owner = stream.key.owner
    query = StreamQuery(
        stream.key.kind, owner.tenant, owner.user, owner.session, stream.key.id, labels=stream.labels, limit=1
    )
    page = await store.list(query)
    if page.unreadable:
        return " ".join(page.unreadable)
    if [found.key for found in page.streams] != [stream.key]:
        return "It is not listed by its owner, kind, id and labels: the store's index was changed."
    return ""
