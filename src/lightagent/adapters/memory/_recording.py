"""Writes and removals of memories that are also put on record in the stream of their owner."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from typing import Final
from weakref import WeakValueDictionary

from lightagent.adapters.memory._stream_listing import listed_streams
from lightagent.adapters.memory._stream_reading import Tip
from lightagent.adapters.memory._streams import OwnerStreams
from lightagent.aiokits.paging import all_pages
from lightagent.aiokits.per_loop import PerLoop
from lightagent.domain.errors import DamagedStream, Fenced, StreamConflict
from lightagent.domain.journals.seals import SealKeys
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.memory.seals import is_genuine, seal_of, sealed
from lightagent.domain.memory.stream import MemoryNote, Operation, items_of
from lightagent.ports.memory import MemoryStore, OwnerSelection

_ITEMS: Final = 500
"""Memories of one entry."""

_PAGE: Final = 200


class RecordedMemories:
    """Writes to a store, and removes from it, with an entry in the stream of each owner.

    A write is on record once the store has it, and a removal before the store is told, so that a process that is killed
    between the two leaves nothing that looks like an attack, and loses nothing that was acknowledged.

    Args:
        by: who removes, as it is put on record.

    Attributes:
        streams: the streams of the owners.
    """

    def __init__(self, store: MemoryStore, keys: SealKeys, streams: OwnerStreams, by: str) -> None:
        self._store = store
        self._keys = keys
        self.streams = streams
        self._by = by
        # Of this process one writes to a stream at a time, so that its own tasks do not fail each other's appends.
        self._locks = PerLoop(_Locks, _nothing)

    async def write(self, records: Sequence[MemoryRecord]) -> None:
        """Keep records, and put them on record.

        Raises:
            StoreError: they could not be written, or not be put on record; what was written then is found all the same.
        """
        owned: dict[MemoryOwner, list[MemoryRecord]] = {}
        for record in records:
            owned.setdefault(record.owner, []).append(record)
        tips = {owner: await self.streams.begun(owner) for owner in owned}
        written = {owner: self._sealed(own, tips[owner]) for owner, own in owned.items()}
        await self._store.write([record for own in written.values() for record in own])
        for owner, own in written.items():
            async with (await self._locks.get()).of(owner):
                await self._put_on_record(owner, own, tips[owner])

    async def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None = None) -> int:
        """Put on record that memories are removed, and remove them; how many there were.

        Raises:
            StoreError: that could not be done. What is on record as removed by then is removed at the next attempt.
            DamagedStream: the stream of an owner cannot be relied on. What else is meant was removed.
        """
        if memory_ids is not None and not memory_ids:
            return 0
        count, damaged = 0, list[DamagedStream]()
        for owner in await self._affected_owners(selection, memory_ids):
            try:
                count += await self._forget(owner, memory_ids)
            except DamagedStream as error:
                damaged.append(error)
        if damaged:
            raise damaged[0]
        return count

    async def adopt(self, selection: OwnerSelection) -> int:
        """Declare what the store holds of these owners to be right, as far as its seals fit; how many memories it is.

        Older entries of the streams are removed. A stream that cannot be relied on is begun anew.

        Raises:
            StoreError: a store could not be read or written.
        """
        count = 0
        await self.streams.remove_damaged(selection)
        for owner in await self._affected_owners(selection, None):
            await self.streams.begin_anew(owner)
            async with self.streams.removing(owner) as (tip, token):
                items = await self._genuine(owner)
                first = tip.sequence + 1
                tip = await self.streams.append(owner, tip, [*self._adoption(owner, items)], token)
            await self.streams.prune(owner, tip, first)
            count += len(items)
        return count

    async def _genuine(self, owner: MemoryOwner) -> list[tuple[str, str]]:
        """The ids and codes of the memories whose seals fit."""
        items = dict[str, str]()
        only = OwnerSelection(*owner.parts)
        async for page in all_pages(lambda cursor: self._store.read(only, _PAGE, cursor or None)):
            for record in page.records:
                if is_genuine(self._keys, record) and (seal := seal_of(record)) is not None:
                    items[record.memory_id] = seal.code
        return [*items.items()]

    def _adoption(self, owner: MemoryOwner, items: Sequence[tuple[str, str]]) -> Iterator[MemoryNote]:
        now = self.streams.clock()
        if not items:
            yield MemoryNote("erased", now, self._by, None)
            return
        for number, part in enumerate(items_of(items, _ITEMS)):
            yield MemoryNote("adopted", now, self._by, owner, part, goes_on=number > 0)

    async def aclose(self) -> None:
        """Close the journal store, and give back what belongs to the running loop."""
        await self._locks.aclose()
        await self.streams.journal.aclose()

    async def _put_on_record(self, owner: MemoryOwner, written: Sequence[MemoryRecord], seen: Tip) -> None:
        """Append what was written.

        Args:
            seen: the end of the stream when it was sealed. Where memories were removed since, this one may have been
                among them, so it is written again: what is on record last has to be there.
        """
        tip, known = await self.streams.begun(owner), list(written)
        while True:
            if tip.outdates(seen):
                again = self._sealed(written, tip)
                await self._store.write(again)
                known += again
                seen = tip
            try:
                await self.streams.append(owner, tip, [*self._notes(owner, known)])
                return
            except (StreamConflict, Fenced):
                await self.streams.caught_up(owner, tip)
                tip = await self.streams.begun(owner)  # It may be gone, such as with its tenant.

    async def _forget(self, owner: MemoryOwner, memory_ids: Sequence[str] | None) -> int:
        only = OwnerSelection(*owner.parts)
        async with self.streams.removing(owner) as (tip, token):
            if tip.sequence or (await self._store.read(only, 1)).records:
                tip = await self.streams.append(owner, tip, self._removal(owner, memory_ids), token)
            count = await self._store.forget(only, memory_ids)
        if memory_ids is None:
            await self.streams.prune(owner, tip, tip.sequence)
        return count

    def _removal(self, owner: MemoryOwner, memory_ids: Sequence[str] | None) -> list[MemoryNote]:
        now = self.streams.clock()
        if memory_ids is None:
            return [MemoryNote("erased", now, self._by, None)]
        named = [(memory_id, "") for memory_id in dict.fromkeys(memory_ids)]
        return [MemoryNote("removed", now, self._by, owner, items) for items in items_of(named, _ITEMS)]

    async def _affected_owners(
        self, selection: OwnerSelection, memory_ids: Sequence[str] | None
    ) -> Collection[MemoryOwner]:
        """The owners of whom something is removed."""
        if (only := selection.only_owner) is not None:
            return [only]
        wanted = None if memory_ids is None else frozenset(memory_ids)
        owners = dict[MemoryOwner, None]()
        async for page in all_pages(lambda cursor: self._store.read(selection, _PAGE, cursor or None)):
            for record in page.records:
                if wanted is None or record.memory_id in wanted:
                    owners[record.owner] = None
        async for owner in self._on_record(selection, wanted):
            owners[owner] = None
        return owners

    async def _on_record(self, selection: OwnerSelection, wanted: frozenset[str] | None) -> AsyncIterator[MemoryOwner]:
        """The owners of memories that should be there, whether or not they are. What cannot be read is left out: the
        memories that are there tell of their owners themselves.
        """
        async for key in listed_streams(self.streams.journal, self._keys, selection):
            if isinstance(key, str):
                continue
            with suppress(DamagedStream):
                state = await self.streams.state(key)
                live = state.live.keys() if wanted is None else state.live.keys() & wanted
                if live and state.owner is not None and selection.holds(state.owner):
                    yield state.owner

    def _sealed(self, records: Sequence[MemoryRecord], tip: Tip) -> list[MemoryRecord]:
        return [replace(record, metadata=sealed(self._keys, record, tip.place)) for record in records]

    def _notes(self, owner: MemoryOwner, records: Sequence[MemoryRecord]) -> Iterator[MemoryNote]:
        now = self.streams.clock()
        for (operation, by), group in groupby(records, key=_what):
            items = [(one.memory_id, seal.code) for one in group if (seal := seal_of(one)) is not None]
            for part in items_of(items, _ITEMS):
                yield MemoryNote(operation, now, by, owner, part)


class _Locks:
    """One lock for each owner of whom something is being written, of one event loop."""

    def __init__(self) -> None:
        self._known: WeakValueDictionary[MemoryOwner, asyncio.Lock] = WeakValueDictionary()

    def of(self, owner: MemoryOwner) -> asyncio.Lock:
        return self._known.setdefault(owner, asyncio.Lock())


async def _nothing(locks: _Locks) -> None:
    """A lock needs no closing."""


def _what(record: MemoryRecord) -> tuple[Operation, str]:
    """What a write was, and which agent did it."""
    agent = record.metadata.get("agent_name")
    promoted = record.metadata.get("promotion_status") == "promoted"
    return "promoted" if promoted else "written", agent if isinstance(agent, str) else ""
