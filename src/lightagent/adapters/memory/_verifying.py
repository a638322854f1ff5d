"""Compares the memories in a store with their seals and with the streams of their owners."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from lightagent.adapters.memory._stream_listing import all_listed_streams, deleted_streams, is_labelled
from lightagent.adapters.memory._streams import OwnerStreams
from lightagent.aiokits.paging import all_pages
from lightagent.domain.errors import ConfigurationError, DamagedStream
from lightagent.domain.journals.seals import SealKeys
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.memory.records import MemoryOwner
from lightagent.domain.memory.seals import RecordSeal, is_genuine, seal_of
from lightagent.domain.memory.stream import FindingKind, MemoryFinding, OwnerState
from lightagent.domain.memory.stream_seals import stream_keys
from lightagent.ports.memory import MemoryStore, OwnerSelection

_PAGE: Final = 200
_TRIES: Final = 2
_PAUSE: Final = 0.1
"""How many times a suspected fault is checked again, and the pause before each check, in seconds. A write that is
under way looks like a fault."""

_EVERYBODY: Final = OwnerSelection()
_MISLABELLED: Final = "Its labels were changed, so that it is not found by them. `lightagent memory adopt` mends them."

TEXTS: Final[Mapping[FindingKind, str]] = {
    "tampered": "its seal does not fit",
    "edited": "its seal does not fit: it was changed after it was written",
    "forged": "its seal does not fit, and it is not on record: it was planted, or the key or name is another",
    "replayed": "its seal is that of another memory: it was copied there",
    "missing": "it is on record and not in the store: it was removed behind its back",
    "rolled_back": "an older version is there than the one on record",
    "returned": "it was forgotten, and is there: an older state was put back, or forgetting it did not end",
    "unknown": "its seal fits, and it is not on record: it was written without a stream, or the stream was put back",
    "unfinished": "it is not on record: its write did not end, or has not yet",
}


@dataclass(frozen=True, slots=True)
class _Seen:
    """A memory of the store, without its text.

    Attributes:
        memory_id: the id of the memory.
        code: the code in its seal; empty without a readable seal.
        seal: its seal; None unless it matches the memory.
    """

    memory_id: str
    code: str
    seal: RecordSeal | None


@dataclass(frozen=True, slots=True)
class _Found:
    """A suspected fault of a memory, and the code in the memory's seal."""

    memory_id: str
    kind: FindingKind
    code: str = ""


Codes: TypeAlias = Mapping[str, tuple[MemoryOwner, str]]
"""The owner and the id of the memory that each recorded code belongs to."""


async def seal_findings(store: MemoryStore, keys: SealKeys, selection: OwnerSelection) -> AsyncIterator[MemoryFinding]:
    """Yield the memories whose seal does not fit; for stores without streams to compare them with."""
    async for page in all_pages(lambda cursor: store.read(selection, _PAGE, cursor or None)):
        for record in page.records:
            if not is_genuine(keys, record):
                yield MemoryFinding("tampered", record.owner, record.memory_id, TEXTS["tampered"])


@dataclass(slots=True)
class _Streams:
    """The streams of some owners.

    Attributes:
        states: the state that each intact stream results in.
        damaged: the fault of each damaged stream.
        unreadable: one sentence for each stream that could not be listed.
    """

    states: dict[StreamKey, OwnerState] = field(default_factory=dict)
    damaged: dict[StreamKey, str] = field(default_factory=dict)
    unreadable: list[str] = field(default_factory=list)

    def owners(self, selection: OwnerSelection) -> list[MemoryOwner]:
        """Return the owners who have memories according to their streams."""
        named = [state.owner for state in self.states.values() if state.owner is not None and state.live]
        return [owner for owner in named if selection.holds(owner)]

    def __contains__(self, key: object) -> bool:
        return key in self.states or key in self.damaged

    def mislabelled(self, keys: SealKeys) -> list[MemoryOwner]:
        """Return the owners whose stream has wrong labels, so that it is not found by them."""
        known = [(state.owner, state.labels) for state in self.states.values() if state.owner is not None]
        return [owner for owner, labels in known if not is_labelled(keys, owner, labels)]

    def codes(self) -> Codes:
        """Return the memory that each recorded code belongs to."""
        codes = dict[str, tuple[MemoryOwner, str]]()
        for state in self.states.values():
            for memory_id, known in [*state.live.items(), *state.former.items()]:
                if state.owner is not None:
                    codes.update(dict.fromkeys(known, (state.owner, memory_id)))
        return codes


class MemoryVerifier:
    """Finds faults of the memories in a store, which may be in use meanwhile."""

    def __init__(self, store: MemoryStore, keys: SealKeys, streams: OwnerStreams) -> None:
        self._store = store
        self._keys = keys
        self._streams = streams

    async def findings(self, selection: OwnerSelection) -> AsyncIterator[MemoryFinding]:
        """Yield the findings about the memories of these owners, owner by owner.

        Raises:
            StoreError: a store could not be read.
        """
        streams = await self._read_streams(selection)
        seen = await self._seen(selection)
        await self._read_unlisted(streams, seen)
        owners = {key: owner for owner in seen if (key := self._key_of(owner, streams.damaged)) in streams.damaged}
        for key, text in streams.damaged.items():
            yield MemoryFinding("stream", owners.get(key, MemoryOwner(tenant=key.owner.tenant)), "", text)
        for text in streams.unreadable:
            yield MemoryFinding("stream", MemoryOwner(tenant=selection.tenant or ""), "", text)
        for owner in streams.mislabelled(self._keys):
            yield MemoryFinding("stream", owner, "", _MISLABELLED)
        lost, suspected = frozenset(owners.values()), dict[MemoryOwner, list[_Found]]()
        for owner in dict.fromkeys([*seen, *streams.owners(selection)]):
            state = streams.states.get(self._key_of(owner, streams.states), OwnerState())
            if found := _compared(None if owner in lost else state, seen.get(owner, ())):
                suspected[owner] = found
        confirmed = await self._confirmed(suspected)
        codes: Codes = {}
        if any(one.kind in ("edited", "forged") for found in confirmed.values() for one in found):
            codes = (await self._read_streams(_EVERYBODY)).codes()
        for owner, found in confirmed.items():
            for one in found:
                kind = "replayed" if _is_replayed(one, owner, codes) else one.kind
                yield MemoryFinding(kind, owner, one.memory_id, TEXTS[kind])

    async def _confirmed(self, suspected: Mapping[MemoryOwner, list[_Found]]) -> Mapping[MemoryOwner, list[_Found]]:
        """Return the suspected faults that each further check finds again. Writes under way are not among them."""
        for _ in range(_TRIES):
            if suspected:
                await asyncio.sleep(_PAUSE)
            again = {owner: await self._examined(owner, found) for owner, found in suspected.items()}
            suspected = {owner: found for owner, found in again.items() if found}
        return suspected

    async def _examined(self, owner: MemoryOwner, before: Sequence[_Found]) -> list[_Found]:
        state = await self._state_of(owner)
        seen = await self._seen(OwnerSelection(*owner.parts))
        known = frozenset(before)
        return [one for one in _compared(state, seen.get(owner, ())) if one in known]

    async def _read_streams(self, selection: OwnerSelection) -> _Streams:
        streams = _Streams()
        async for key in all_listed_streams(self._streams.journal, self._keys, selection):
            if isinstance(key, str):
                streams.unreadable.append(key)
            else:
                await self._read_stream(streams, key)
        if all(part is None for part in replace(selection, tenant=None).parts):
            async for key in deleted_streams(self._streams.journal, selection.tenant):
                streams.damaged[key] = "It was deleted behind the back of the journal store."
        return streams

    async def _read_unlisted(self, streams: _Streams, owners: Iterable[MemoryOwner]) -> None:
        """Read the streams of owners of whom none was listed: they may be new, or have changed labels."""
        for owner in owners:
            names = stream_keys(self._keys, owner)
            for key in () if any(key in streams for key in names) else names:
                await self._read_stream(streams, key)

    async def _read_stream(self, streams: _Streams, key: StreamKey) -> None:
        try:
            state = await self._streams.state(key)
            if state.head:
                streams.states[key] = state
        except (DamagedStream, ConfigurationError) as error:
            streams.damaged[key] = error.message

    def _key_of(self, owner: MemoryOwner, known: Container[StreamKey]) -> StreamKey:
        names = stream_keys(self._keys, owner)
        return next((key for key in names if key in known), names[0])

    async def _seen(self, selection: OwnerSelection) -> dict[MemoryOwner, list[_Seen]]:
        seen: dict[MemoryOwner, list[_Seen]] = {}
        async for page in all_pages(lambda cursor: self._store.read(selection, _PAGE, cursor or None)):
            for record in page.records:
                seal = seal_of(record)
                genuine = seal if is_genuine(self._keys, record) else None
                own = _Seen(record.memory_id, "" if seal is None else seal.code, genuine)
                seen.setdefault(record.owner, []).append(own)
        return seen

    async def _state_of(self, owner: MemoryOwner) -> OwnerState | None:
        """Return the state that the stream of an owner results in; None if the stream cannot be trusted."""
        try:
            return await self._streams.state(await self._streams.key_of(owner))
        except (DamagedStream, ConfigurationError):
            return None


def _compared(state: OwnerState | None, seen: Sequence[_Seen]) -> list[_Found]:
    """Return the suspected faults of the memories of an owner.

    Args:
        state: the state that the stream results in; None if it cannot be trusted, so that only the seals are known.
    """
    if state is None:
        return [_Found(one.memory_id, "tampered", one.code) for one in seen if one.seal is None]
    found, there = list[_Found](), set[str]()
    for one in seen:
        if one.seal is None:
            found.append(_Found(one.memory_id, "edited" if state.knows(one.memory_id) else "forged", one.code))
        elif one.memory_id in there:
            found.append(_Found(one.memory_id, "replayed", one.code))
        elif (kind := state.judge(one.memory_id, one.seal)) is not None:
            found.append(_Found(one.memory_id, kind, one.code))
        there.add(one.memory_id)
    return found + [_Found(memory_id, "missing") for memory_id in state.live if memory_id not in there]


def _is_replayed(found: _Found, owner: MemoryOwner, codes: Codes) -> bool:
    whose = codes.get(found.code)
    return found.kind in ("edited", "forged") and whose is not None and whose != (owner, found.memory_id)
