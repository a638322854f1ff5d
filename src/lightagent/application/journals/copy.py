"""Copies a journal store into another: to add seals, to replace them, or to move to another store."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lightagent.aiokits.paging import all_pages
from lightagent.domain.errors import StoreError
from lightagent.domain.journals.streams import MOST_LISTED, Draft, Entry, Slice, StreamInfo, StreamKey, StreamQuery
from lightagent.ports.journals import CodedStore, JournalStore, ListedStore


async def copy_journals(
    source: JournalStore, target: JournalStore, progress: Callable[[int, int], object] | None = None
) -> int:
    """Copy every stream, and return how many there were. Sequences, labels, times and order of listing stay.

    Neither store should be written to meanwhile. After an interruption call it again: it goes on where it was. Leases
    are not copied.

    Args:
        progress: called after each stream with how many were copied, and how many there are.

    Raises:
        StoreError: the source cannot be read as a whole, or the target has another stream of the same key.
    """
    keys = await _keys(source)
    # The oldest first, so that listings keep their order.
    for done, key in enumerate(reversed(keys), 1):
        await _copy(source, target, key)
        if progress is not None:
            progress(done, len(keys))
    return len(keys)


async def _keys(source: JournalStore) -> list[StreamKey]:
    keys = list[StreamKey]()
    async for page in all_pages(lambda cursor: source.list(StreamQuery(limit=MOST_LISTED, cursor=cursor))):
        if page.unreadable:
            raise StoreError(
                f"Not everything can be copied: {page.unreadable[0]}", guidance="Mend or forget what cannot be read."
            )
        keys += [stream.key for stream in page.streams]
    return [*await _unlisted(source, set(keys)), *keys]


async def _unlisted(source: JournalStore, listed: set[StreamKey]) -> list[StreamKey]:
    """Streams that no listing has: begun meanwhile, or deleted outside the store, for which reading raises an error."""
    kept = source
    while isinstance(kept, CodedStore):
        kept = kept.wrapped
    found = list[StreamKey]()
    if isinstance(kept, ListedStore):
        async for key in kept.all_streams():
            if isinstance(key, StreamKey) and key not in listed and (await source.read(key, 0, 1)).stream.head:
                found.append(key)
    return found


async def _copy(source: JournalStore, target: JournalStore, key: StreamKey) -> None:
    there = (await target.read(key, 0, 1)).stream
    await _check_same(source, target, there)
    head, base = there.head, there.base
    while True:
        found = await source.read(key, head, MOST_LISTED)
        stream = found.stream
        if base < stream.base <= head:
            await target.forget(key, before=stream.base + 1)
            base = stream.base
        if head >= stream.head:
            return
        drafts = _following(found, head)
        if not head:  # The first append sets the creation time of the stream.
            drafts, at = drafts[:1], stream.created_at
        else:
            at = stream.updated_at
        head = await target.append(key, drafts, expected=head, at=at, labels=stream.labels, seal=stream.seal)


def _following(found: Slice, head: int) -> list[Draft]:
    """The entries that follow; pruned entries are replaced by placeholders that will be pruned."""
    missing = found.stream.base - head
    if missing > 0:
        return [Draft("null")] * min(missing, MOST_LISTED)
    return [Draft(entry.content, entry.schema, entry.seal) for entry in found.entries]


async def _check_same(source: JournalStore, target: JournalStore, there: StreamInfo) -> None:
    """Check that what is there is the beginning of the same stream."""
    after = there.base
    while after < there.head:
        mine = (await target.read(there.key, after, MOST_LISTED)).entries
        found = await source.read(there.key, after, MOST_LISTED)
        pruned = found.stream.base
        if _forms(found.entries, pruned, there.head) != _forms(mine, pruned, there.head):
            raise StoreError(
                f"The target has another stream {there.key.id!r:.80} of the kind {there.key.kind!r:.40}.",
                guidance="Copy into an empty store.",
            )
        after += len(mine)


def _forms(entries: Sequence[Entry], after: int, until: int) -> list[tuple[int, str, int]]:
    """The parts of entries that are compared, up to a place; seals differ between stores."""
    return [(one.sequence, one.content, one.schema) for one in entries if after < one.sequence <= until]
