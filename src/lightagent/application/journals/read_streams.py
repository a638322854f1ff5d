"""Reads the streams of a store: lists them page by page, and reads the entries of one, whichever release wrote them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import TypeVar

from lightagent.aiokits.paging import all_pages
from lightagent.application.journals.journal import SCHEMA_VERSION
from lightagent.application.strict_json import read_json
from lightagent.domain.errors import ConfigurationError, DamagedStream, IncompleteListing, StreamConflict
from lightagent.domain.journals.streams import Entry, StreamInfo, StreamKey, StreamQuery
from lightagent.domain.json_types import JsonValue
from lightagent.domain.runs.event_migrations import migrate
from lightagent.ports.journals import JournalStore

T = TypeVar("T")


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


async def read_each(
    store: JournalStore, query: StreamQuery, read: Callable[[StreamKey], Awaitable[T | None]], name: str
) -> AsyncIterator[T]:
    """What every stream that matches amounts to, the newest first.

    Args:
        read: reads one stream; one for which it gives None is left out.
        name: names a stream in the text of an error, before its id.

    Raises:
        IncompleteListing: after all that can be read, if something cannot.
        StoreError: the store cannot be read.
    """
    unreadable = list[str]()
    try:
        async for stream in list_streams(store, query):
            try:
                found = await read(stream.key)
            except (DamagedStream, ConfigurationError) as error:
                unreadable.append(f"{name} {stream.key.id:.100}: {error.message}")
                continue
            if found is not None:
                yield found
    except IncompleteListing as error:
        unreadable += error.unreadable
    if unreadable:
        raise IncompleteListing(tuple(unreadable))


def status_of(stream: StreamInfo) -> str:
    """The status of a run or a session. A `running` one whose lease has ended is `interrupted`: its process is gone."""
    status = stream.labels.get("status", "")
    return "interrupted" if status == "running" and stream.lease_left <= 0 else status


async def read_entries(store: JournalStore, stream: StreamInfo, until: int) -> AsyncIterator[Entry]:
    """The entries of a stream, from the first one that is left up to the sequence `until`.

    Args:
        stream: as it was when reading it began.

    Raises:
        StoreError: it cannot be read, or was forgotten or shortened meanwhile.
    """
    after = stream.base
    while after < until:
        found = await store.read(stream.key, after)
        same = (found.stream.created_at, found.stream.base) == (stream.created_at, stream.base)
        if not same or not found.entries:
            raise StreamConflict(after, found.stream.head)
        for entry in found.entries[: until - after]:
            yield entry
        after = found.entries[-1].sequence


async def all_entries(store: JournalStore, key: StreamKey) -> AsyncIterator[Entry]:
    """The entries of a stream, with those that are appended while it is read.

    Raises:
        StoreError: it cannot be read.
    """
    after = 0
    while True:
        found = await store.read(key, after)
        for entry in found.entries:
            yield entry
            after = entry.sequence
        if not found.entries or after >= found.stream.head:
            return


def read_entry(entry: Entry, at: str) -> JsonValue:
    """The content of an entry in the form of this release.

    Args:
        at: names the entry in the text of an error.

    Raises:
        ConfigurationError: a later release wrote it.
        ValueError: it is not JSON.
    """
    return migrate(read_json(entry.content), entry.schema, SCHEMA_VERSION, at)
