"""Reads a whole journal store and tells what is wrong with it: damage, edits, and streams that cannot be found."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

from lightagent.aiokits.paging import all_pages
from lightagent.domain.errors import ContentKeyError, DamagedStream
from lightagent.domain.journals.streams import MOST_LISTED, StreamInfo, StreamKey, StreamQuery
from lightagent.ports.journals import CodedStore, JournalStore, ListedStore


@dataclass(frozen=True, slots=True)
class JournalFault:
    """What is wrong with one stream.

    Attributes:
        key: of the stream; None where the store cannot tell it.
        text: a sentence for an operator.
    """

    key: StreamKey | None
    text: str


@dataclass(frozen=True, slots=True)
class JournalCheck:
    """What came of one stream.

    Attributes:
        key: of the stream; None where the store cannot tell it.
        entries: how many of it were read.
        fault: what is wrong with it, a sentence for an operator; empty if nothing is.
    """

    key: StreamKey | None
    entries: int = 0
    fault: str = ""


async def verify_journals(store: JournalStore) -> AsyncIterator[JournalFault]:
    """Read every entry of every stream, look every stream up by its labels, and tell each fault as it is found.

    The service may go on using the store meanwhile. What has no seals is only checked for damage.

    Raises:
        StoreError: the store cannot be read at all.
    """
    async for check in check_journals(store):
        if check.fault:
            yield JournalFault(check.key, check.fault)


async def check_journals(store: JournalStore) -> AsyncIterator[JournalCheck]:
    """The same, with the result of every stream, so that a caller can show how far it is.

    Raises:
        StoreError: the store cannot be read at all.
    """
    reader = _Reader(store)
    async for found in reader.streams():
        if isinstance(found, str):
            yield JournalCheck(None, fault=found)
        else:
            yield await reader.check(found)


class _Reader:
    """Reads a store as it is kept, so that sizes and seals are checked, and decodes what it reads on the way."""

    def __init__(self, store: JournalStore) -> None:
        self._coded = list[CodedStore]()
        while isinstance(store, CodedStore):
            self._coded.insert(0, store)
            store = store.wrapped
        self._kept = store

    async def streams(self) -> AsyncIterator[StreamKey | str]:
        if isinstance(self._kept, ListedStore):
            async for found in self._kept.all_streams():
                yield found
            return
        async for page in all_pages(lambda cursor: self._kept.list(StreamQuery(limit=MOST_LISTED, cursor=cursor))):
            for stream in page.streams:
                yield stream.key
            for text in page.unreadable:
                yield text

    async def check(self, key: StreamKey) -> JournalCheck:
        """What came of a stream, read while it did not change."""
        while True:
            try:
                stream, count, size = await self._read_whole(key)
                fault = await self._fault_of_listing(stream) if stream.head else ""
                again = (await self._kept.read(key, max(stream.head, 1), 1)).stream
            except (DamagedStream, ContentKeyError) as error:
                return JournalCheck(key, fault=error.message)
            if (again.head, again.base) == (stream.head, stream.base):
                wrong = f"Its size is recorded as {stream.size} bytes, but it is {size}." if size != stream.size else ""
                return JournalCheck(key, count, fault or wrong)

    async def _read_whole(self, key: StreamKey) -> tuple[StreamInfo, int, int]:
        """A stream, how many entries of it were read, which is all, and the bytes of their content."""
        after = count = size = 0
        while True:
            found = await self._kept.read(key, after, MOST_LISTED)
            count += len(found.entries)
            size += sum(len(entry.content.encode()) for entry in found.entries)
            entries = found.entries
            for coded in self._coded:
                entries = tuple(await coded.decoded(key, entries))
            if not entries or entries[-1].sequence == found.stream.head:
                return found.stream, count, size
            after = entries[-1].sequence

    async def _fault_of_listing(self, stream: StreamInfo) -> str:
        """Whether a stream is found by all that it should be found by."""
        owner = stream.key.owner
        query = StreamQuery(
            stream.key.kind, owner.tenant, owner.user, owner.session, stream.key.id, labels=stream.labels, limit=1
        )
        page = await self._kept.list(query)
        if page.unreadable:
            return " ".join(page.unreadable)
        if [found.key for found in page.streams] != [stream.key]:
            return "It is not listed by its owner, kind, id and labels: the store's index was changed."
        return ""
