"""The streams in a journal store that record each write and removal of an owner's memories."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Final

from lightagent.adapters.memory._note_text import SCHEMA, note_text
from lightagent.adapters.memory._stream_listing import all_listed_streams, labels_of
from lightagent.adapters.memory._stream_reading import Tip, follows, read_state, step, tip_of
from lightagent.aiokits.abandon import to_the_end
from lightagent.domain.errors import DamagedStream, Fenced, LeaseHeld, StoreError, StreamConflict
from lightagent.domain.journals.seals import SealKeys
from lightagent.domain.journals.streams import Draft, Entry, Slice, StreamKey
from lightagent.domain.memory.records import MemoryOwner
from lightagent.domain.memory.stream import MemoryNote, OwnerState
from lightagent.domain.memory.stream_seals import entry_seal, stream_keys
from lightagent.ports.journals import JournalStore
from lightagent.ports.memory import OwnerSelection

LEASE = 6.0
"""The length of the lease under which memories of an owner are removed, in seconds. It is renewed while the removal
lasts; after a crash, writers wait for this long at most."""

_PATIENCE: Final = 60.0
_PAUSE: Final = 0.02
_MOST_TIPS: Final = 10_000


class OwnerStreams:
    """The streams of the owners of one store of memories.

    Args:
        clock: tells the time, in seconds since 1970.
    """

    def __init__(self, journal: JournalStore, keys: SealKeys, clock: Callable[[], float]) -> None:
        self.journal = journal
        self.clock = clock
        self._keys = keys
        self._tips: dict[MemoryOwner, Tip] = {}

    async def tip(self, owner: MemoryOwner) -> Tip:
        """Return the last known end of the stream of an owner; read it if this process has not read it yet.

        Raises:
            StoreError: the stream cannot be read, or was tampered with.
        """
        return self._tips.get(owner) or await self._looked_up(owner)

    async def begun(self, owner: MemoryOwner) -> Tip:
        """Return the end of the stream of an owner; create the stream if it does not exist.

        So each sealed memory has a stream: if that is missing, it was deleted.

        Raises:
            StoreError: the stream cannot be read or written, or was tampered with.
        """
        tip = await self.tip(owner)
        while not tip.sequence:
            try:
                tip = await self.append(owner, tip, [MemoryNote("begun", self.clock(), "", owner)])
            except (StreamConflict, Fenced):
                await asyncio.sleep(_PAUSE)
                tip = await self.caught_up(owner, tip)
        return tip

    async def caught_up(self, owner: MemoryOwner, tip: Tip) -> Tip:
        """Wait until no memories of the owner are being removed, and return the present end of the stream.

        Raises:
            StoreError: the stream cannot be read, or was tampered with; or a removal takes more than 60 seconds.
        """
        while True:
            found = await self._quiet(tip.key, tip.sequence, 1000)
            if found.stream.base > tip.sequence or not follows(self._keys, tip, found):
                # The stream was pruned beyond the known end, or was forgotten and created again.
                known = await self._looked_up(owner)
                return self._keep(owner, replace(known, removed_at=known.sequence))
            for entry in found.entries:
                tip = step(self._keys, tip, entry)
            if tip.sequence >= found.stream.head:
                return self._keep(owner, tip)

    async def append(self, owner: MemoryOwner, tip: Tip, notes: Sequence[MemoryNote], token: int | None = None) -> Tip:
        """Append entries to the stream, and return its new end. The entries are durable by then.

        Args:
            owner: the owner of the memories.
            tip: the end of the stream after which to append.
            notes: the entries.
            token: the token of the lease under which memories are being removed; None if none are.

        Raises:
            StreamConflict: another writer appended meanwhile.
            Fenced: memories of the owner are being removed, or the lease was lost.
            StoreError: the stream cannot be written.
        """
        after, drafts = tip, list[Draft]()
        for note in notes:
            entry = Entry(after.sequence + 1, note_text(note), SCHEMA)
            # The seal of an entry that restarts the stream does not depend on earlier ones, so these can be removed.
            seal = entry_seal(self._keys, tip.key, "" if note.begins else after.seal, entry)
            drafts.append(Draft(entry.content, entry.schema, seal))
            after = Tip(tip.key, entry.sequence, seal, entry.sequence if note.removes else after.removed_at)
        # Labels are not covered by the seals. They are written again whenever the stream is restarted.
        is_new = not tip.sequence or any(note.begins for note in notes)
        labels = labels_of(self._keys, next(iter(self._keys.roots)), owner) if is_new else None
        await self.journal.append(
            tip.key,
            drafts,
            expected=tip.sequence,
            at=self.clock(),
            labels=labels,
            token=token,
            seal=after.seal,
            replacing=tip.seal,
        )
        # The end is not stored while a removal goes on: a writer that starts now must wait for the end of the removal.
        return self._keep(owner, after) if token is None else after

    async def prune(self, owner: MemoryOwner, tip: Tip, first: int) -> None:
        """Remove the entries before one that restarts the stream, and the owner's streams under other names, which
        processes with another current key have created.

        Args:
            owner: the owner of the memories.
            tip: the end of the stream.
            first: the sequence number of the entry that restarts the stream.

        Raises:
            StoreError: the entries or a stream cannot be removed.
        """
        if first > 1:
            await self.journal.forget(tip.key, before=first)
        for key in stream_keys(self._keys, owner):
            if key != tip.key:
                await self.journal.forget(key)

    async def begin_anew(self, owner: MemoryOwner) -> None:
        """Remove the damaged streams of an owner, so that a new one can be created.

        Raises:
            StoreError: the store cannot be read or written.
        """
        self._tips.pop(owner, None)
        for key in stream_keys(self._keys, owner):
            await self._remove_damaged(key)

    async def remove_damaged(self, selection: OwnerSelection) -> None:
        """Remove the damaged streams of a selection, also those whose owner is not known any more.

        Raises:
            StoreError: the store cannot be read or written.
        """
        async for key in all_listed_streams(self.journal, self._keys, selection):
            if isinstance(key, StreamKey):
                await self._remove_damaged(key)

    async def _remove_damaged(self, key: StreamKey) -> None:
        try:
            await read_state(self.journal, self._keys, key)
        except DamagedStream:
            await self.journal.forget(key)

    @asynccontextmanager
    async def removing(self, owner: MemoryOwner) -> AsyncIterator[tuple[Tip, int]]:
        """Hold the lease of the owner's stream inside the block, and yield the stream's end and the lease's token.

        Only appends with this token are accepted meanwhile.

        Raises:
            StoreError: the stream cannot be read, or was tampered with; or another removal takes more than 60 seconds.
        """
        key = (await self.tip(owner)).key
        token = await self._leased(key)
        renewal = asyncio.create_task(self._renew(key, token))
        self._tips.pop(owner, None)
        try:
            yield tip_of(self._keys, key, await self.journal.read(key, -2, 2)), token
        finally:
            renewal.cancel()
            await asyncio.wait((renewal,))
            with suppress(StoreError):  # A lease that cannot be released expires.
                await to_the_end(self.journal.lease(key, "memory", 0, token))

    async def state(self, key: StreamKey) -> OwnerState:
        """Return the state that the entries of a stream result in; an empty one if the stream does not exist.

        Raises:
            StoreError: the stream cannot be read, or was tampered with.
        """
        return await read_state(self.journal, self._keys, key)

    async def key_of(self, owner: MemoryOwner) -> StreamKey:
        """Return the name of the stream of an owner; the stream need not exist.

        While memories of the owner are being removed, wait for the end of that, for 60 seconds at most.

        Raises:
            StoreError: the stream cannot be read, or was tampered with.
        """
        with suppress(LeaseHeld):
            return (await self._looked_up(owner)).key
        names = stream_keys(self._keys, owner)
        for key in names:
            if (await self.journal.read(key, -1, 1)).stream.head:
                return key
        return names[0]

    async def _looked_up(self, owner: MemoryOwner) -> Tip:
        names = stream_keys(self._keys, owner)
        for key in names:
            found = await self._quiet(key, -2, 2)
            if found.stream.head:
                return self._keep(owner, tip_of(self._keys, key, found))
        return Tip(names[0])

    async def _quiet(self, key: StreamKey, after: int, limit: int) -> Slice:
        """Wait until no memories of the owner are being removed, and return entries of the stream."""
        loop = asyncio.get_running_loop()
        end = loop.time() + _PATIENCE
        while True:
            found = await self.journal.read(key, after, limit)
            if found.stream.lease_left <= 0:
                return found
            if loop.time() > end:
                raise LeaseHeld(found.stream.holder, found.stream.lease_left)
            await asyncio.sleep(_PAUSE)

    async def _leased(self, key: StreamKey) -> int:
        loop = asyncio.get_running_loop()
        end = loop.time() + _PATIENCE
        while True:
            try:
                return (await to_the_end(self.journal.lease(key, "memory", LEASE))).token
            except LeaseHeld:
                if loop.time() > end:
                    raise
                await asyncio.sleep(_PAUSE)

    async def _renew(self, key: StreamKey, token: int) -> None:
        while True:
            await asyncio.sleep(LEASE / 3)
            with suppress(StoreError):
                await self.journal.lease(key, "memory", LEASE, token)

    def _keep(self, owner: MemoryOwner, tip: Tip) -> Tip:
        if len(self._tips) >= _MOST_TIPS:
            self._tips.clear()
        self._tips[owner] = tip
        return tip
