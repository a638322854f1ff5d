"""Lists the streams of a store, page by page, and says so where the listing is not complete."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

from lightagent.aiokits.paging import all_pages
from lightagent.domain.errors import IncompleteListing
from lightagent.domain.journal_streams import StreamInfo, StreamQuery
from lightagent.ports.journals import JournalStore


async def list_streams(store: JournalStore, query: StreamQuery) -> AsyncIterator[StreamInfo]:
    """Every stream that matches, the newest first.

    Raises:
        IncompleteListing: after all that can be read, if something cannot.
        StoreError: the store cannot be read.
    """
    unreadable = list[str]()
    async for page in all_pages(lambda cursor: store.list(replace(query, cursor=cursor))):
        for stream in page.streams:
            yield stream
        unreadable += page.unreadable
    if unreadable:
        raise IncompleteListing(tuple(unreadable))
