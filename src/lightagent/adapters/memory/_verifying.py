"""Compares the memories in a store with their seals and with the streams of their owners."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from lightagent.adapters.memory._streams import OwnerStreams
from lightagent.aiokits.paging import all_pages
from lightagent.domain.errors import ConfigurationError, DamagedStream
from lightagent.domain.journal_seals import SealKeys
from lightagent.domain.journal_streams import StreamKey
from lightagent.domain.memory_records import MemoryOwner
from lightagent.domain.memory_seals import RecordSeal, is_genuine, seal_of
from lightagent.domain.memory_stream import FindingKind, MemoryFinding, OwnerState
from lightagent.domain.memory_stream_seals import stream_keys
from lightagent.ports.memory import MemoryStore, OwnerSelection

_PAGE: Final = 200
_TRIES: Final = 3
_PAUSE: Final = 0.2
"""Seconds that a write or removal under way is given to end before it is looked at again."""

_EVERYBODY: Final = OwnerSelection()

TEXTS: Final[Mapping[FindingKind, str]] = {
    "tampered": "its seal does not fit",
    "edited": "its seal does not fit: it was changed after it was written",
    "forged": "its seal does not fit, and it is not on record: it was planted",
    "replayed": "its seal is that of another memory: it was copied there",
    "missing": "it is on record and not in the store: it was removed behind its back",
    "rolled_back": "an older version is there than the one on record",
    "returned": "it was forgotten, and is there: an older state was put back, or forgetting it did not end",
    "unknown": "its seal fits, and it is not on record: it is older than the stream, or the stream was put back",
    "unfinished": "it is not on record: its write did not end, or has not yet",
}


@dataclass(frozen=True, slots=True)
class _Seen:
    """A memory of the store without its text.

    Attributes:
        code: that its seal claims; empty where it has none that could be read.
        seal: what its seal says, if it fits.
    """

    memory_id: str
    code: str
    seal: RecordSeal | None


@dataclass(frozen=True, slots=True)
class _Found:
    """What was found of a memory, and the code that its seal claims."""

    memory_id: str
    kind: FindingKind
    code: str = ""


Codes: TypeAlias = Mapping[str, tuple[MemoryOwner, str]]
"""Whose seal each code on record is: the owner and id of the memory."""


async def seal_findings(store: MemoryStore, keys: SealKeys, selection: OwnerSelection) -> AsyncIterator[MemoryFinding]:
    """The memories whose seal does not fit, where there are no streams to compare them with."""
    async for page in all_pages(lambda cursor: store.read(selection, _PAGE, cursor or None)):
        for record in page.records:
            if not is_genuine(keys, record):
                yield MemoryFinding("tampered", record.owner, record.memory_id, TEXTS["tampered"])


class MemoryVerifier:
    """Tells what is wrong with the memories of a store, while it may go on being used."""

    def __init__(self, store: MemoryStore, keys: SealKeys, streams: OwnerStreams) -> None:
        self._store = store
        self._keys = keys
        self._streams = streams

    async def findings(self, selection: OwnerSelection) -> AsyncIterator[MemoryFinding]:
        """What is found of the memories of these owners, owner by owner.

        Raises:
            StoreError: a store could not be read.
        """
        states, damaged = await self._states(selection)
        seen = await self._seen(selection)
        named = {key: owner for owner in seen if (key := self._key_of(owner, damaged)) in damaged}
        for key, text in damaged.items():
            yield MemoryFinding("stream", named.get(key), "", text)
        owners = dict.fromkeys([*seen, *(state.owner for state in states.values() if state.owner is not None)])
        codes: Codes | None = None
        for owner in owners:
            key = self._key_of(owner, states)
            if owner in named.values() or not selection.holds(owner):
                continue
            if not _compared(states.get(key, OwnerState()), seen.get(owner, ())):
                continue
            found = await self._examined(owner)
            if codes is None and any(one.kind in ("edited", "forged") for one in found):
                codes = await self._codes()
            for one in found:
                kind = "replayed" if _is_replayed(one, owner, codes or {}) else one.kind
                yield MemoryFinding(kind, owner, one.memory_id, TEXTS[kind])

    async def _states(self, selection: OwnerSelection) -> tuple[dict[StreamKey, OwnerState], dict[StreamKey, str]]:
        """What the streams come to, and what is wrong with those that cannot be relied on."""
        states, damaged = dict[StreamKey, OwnerState](), dict[StreamKey, str]()
        async for key in self._streams.keys_of(selection):
            try:
                states[key] = await self._streams.state(key)
            except (DamagedStream, ConfigurationError) as error:
                damaged[key] = error.message
        return states, damaged

    def _key_of(self, owner: MemoryOwner, known: Container[StreamKey]) -> StreamKey:
        names = stream_keys(self._keys, owner)
        return next((key for key in names if key in known), names[0])

    async def _examined(self, owner: MemoryOwner) -> list[_Found]:
        """What is found of an owner whenever it is looked at, so that nothing is told of what is just being done."""
        found: list[_Found] = []
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(_PAUSE)
            state = await self._streams.state(await self._streams.key_of(owner))
            seen = await self._seen(OwnerSelection(*owner.parts))
            again = _compared(state, seen.get(owner, ()))
            found = [one for one in again if attempt == 0 or one in found]
            if not found:
                break
        return found

    async def _seen(self, selection: OwnerSelection) -> dict[MemoryOwner, list[_Seen]]:
        seen: dict[MemoryOwner, list[_Seen]] = {}
        async for page in all_pages(lambda cursor: self._store.read(selection, _PAGE, cursor or None)):
            for record in page.records:
                seal = seal_of(record)
                genuine = seal if is_genuine(self._keys, record) else None
                own = _Seen(record.memory_id, "" if seal is None else seal.code, genuine)
                seen.setdefault(record.owner, []).append(own)
        return seen

    async def _codes(self) -> Codes:
        codes = dict[str, tuple[MemoryOwner, str]]()
        states, _ = await self._states(_EVERYBODY)
        for state in states.values():
            for versions in (state.live, state.former):
                for memory_id, known in versions.items():
                    if state.owner is not None:
                        codes.update(dict.fromkeys(known, (state.owner, memory_id)))
        return codes


def _compared(state: OwnerState, seen: Sequence[_Seen]) -> list[_Found]:
    """What is found of the memories of an owner."""
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
