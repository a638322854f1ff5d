"""Reads the streams of memories, and checks each entry by its seal before anything else is believed of it."""

from __future__ import annotations

from dataclasses import dataclass

from lightagent.adapters.memory._note_text import note_of
from lightagent.domain.errors import DamagedStream, TamperedStream
from lightagent.domain.journals.keys import tampered
from lightagent.domain.journals.seals import SealKeys
from lightagent.domain.journals.streams import Entry, Slice, StreamKey
from lightagent.domain.memory.seals import StreamPlace
from lightagent.domain.memory.stream import OwnerState
from lightagent.domain.memory.stream_seals import entry_fits, place_at
from lightagent.ports.journals import JournalStore


@dataclass(frozen=True, slots=True)
class Tip:
    """The end of a stream, read while no memories of its owner were being removed.

    Attributes:
        seal: the seal of its last entry; empty without entries.
        removed_at: the last entry that removes something, as far as is known.
    """

    key: StreamKey
    sequence: int = 0
    seal: str = ""
    removed_at: int = 0

    def outdates(self, seen: Tip) -> bool:
        """Whether memories may have been removed since the stream ended at `seen`."""
        return (
            self.removed_at > seen.sequence
            or self.sequence < seen.sequence
            or self.key != seen.key
            or (self.sequence == seen.sequence and self.seal != seen.seal)
        )

    @property
    def place(self) -> StreamPlace:
        """The end as the seals of memories name it."""
        return place_at(self.sequence, self.seal)


async def read_state(journal: JournalStore, keys: SealKeys, key: StreamKey) -> OwnerState:
    """What a stream comes to; that of one that does not exist is empty.

    Where it is erased, adopted or forgotten while it is read page by page, its pages do not fit together. So what looks
    wrong is read once more.

    Raises:
        StoreError: it cannot be read, or was tampered with.
    """
    try:
        return await _read_once(journal, keys, key)
    except DamagedStream:
        return await _read_once(journal, keys, key)


async def _read_once(journal: JournalStore, keys: SealKeys, key: StreamKey) -> OwnerState:
    state, tip = OwnerState(), Tip(key)
    while True:
        found = await journal.read(key, tip.sequence)
        if tip.sequence == 0:
            state.labels = found.stream.labels
            if found.stream.base:
                state.base = found.stream.base
                tip = Tip(key, found.stream.base, "")
        for entry in found.entries:
            tip = step(keys, tip, entry, pruned=tip.sequence == state.base > 0)
            state.add(tip.place, note_of(entry))
        if not found.entries or tip.sequence >= found.stream.head:
            ends_there = tip.sequence == found.stream.head and tip.seal == found.stream.seal
            if not ends_there or not (tip.seal or not found.stream.head):
                raise _tampered(key, "its last entries were cut off")
            return state


def tip_of(keys: SealKeys, key: StreamKey, found: Slice) -> Tip:
    """The end of a stream by its last two entries, of which the last one is checked."""
    if not found.entries and not found.stream.head:
        return Tip(key)
    if not found.entries:
        raise _tampered(key, "its last entries were cut off")
    last = found.entries[-1]
    before = Tip(key, last.sequence - 1, found.entries[-2].seal if len(found.entries) > 1 else "")
    tip = step(keys, before, last, pruned=len(found.entries) == 1 and last.sequence > 1)
    if found.stream.seal != tip.seal:
        raise _tampered(key, "its last entries were cut off")
    return tip


def step(keys: SealKeys, tip: Tip, entry: Entry, pruned: bool = False) -> Tip:
    """The end of a stream with one more entry, which is checked.

    Args:
        pruned: the entry before is gone, as it may be where the note begins anew.
    """
    if entry.sequence != tip.sequence + 1:
        raise _tampered(tip.key, "entries are missing from it")
    follows = entry_fits(keys, tip.key, tip.seal, entry)
    if not follows and not entry_fits(keys, tip.key, "", entry):
        raise _tampered(tip.key, f"entry {entry.sequence} was changed, moved or put there")
    note = note_of(entry)  # Only now, since its content may be anything before.
    if (pruned or not follows) and not note.begins:
        raise _tampered(tip.key, "entries are missing from it")
    return Tip(tip.key, entry.sequence, entry.seal, entry.sequence if note.removes else tip.removed_at)


def follows(keys: SealKeys, tip: Tip, found: Slice) -> bool:
    """Whether what was found goes on where the stream ended."""
    if not found.entries:
        return found.stream.head == tip.sequence and found.stream.seal == tip.seal
    first = found.entries[0]
    return any(entry_fits(keys, tip.key, before, first) for before in (tip.seal, ""))


def _tampered(key: StreamKey, what: str) -> TamperedStream:
    return tampered(
        key,
        what,
        guidance="Find out who writes to the journal store, and restore a backup, or begin the stream anew with "
        "`lightagent memory adopt`. A wrong key or name looks the same.",
    )
