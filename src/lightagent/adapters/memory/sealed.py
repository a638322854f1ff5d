"""Adds a seal to each memory in another store, so that a memory that was edited or planted there is never recalled."""

from __future__ import annotations

import getpass
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from lightagent.adapters.memory._recording import RecordedMemories
from lightagent.adapters.memory._streams import OwnerStreams
from lightagent.adapters.memory._verifying import MemoryVerifier, seal_findings
from lightagent.adapters.registry import Adapter, open_nested, outlives_process
from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.journals.seals import SealKeys
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import FoundMemory, MemoryOwner, MemoryRecord
from lightagent.domain.memory.seals import TAMPERED, is_genuine, memory_keys, opened, sealed, without_seal
from lightagent.domain.memory.stream import MemoryFinding
from lightagent.ports.journals import JournalStore
from lightagent.ports.memory import (
    CheckedStore,
    MemoryFeature,
    MemoryPage,
    MemoryStore,
    OwnerSelection,
    RecordedStore,
    ReindexedStore,
    failed_parts,
    with_failed,
)

_WIDER: Final = 8
"""The factor by which a search is widened if it found forged memories."""

_WIDEST: Final = 64
"""A search is not widened beyond this multiple of its limit."""

_EVERYBODY: Final = OwnerSelection()


class SealedMemory(MemoryStore, RecordedStore):
    """Writes memories with a seal into another store, and checks the seals of those that it reads from there.

    `recall` returns a memory whose seal does not match without its text, marked as ``tampered``; no model ever sees it.
    `read` raises at such a memory, and `findings` lists all of them. With a journal store, each write and removal is
    also recorded in the owner's stream there, so that `findings` reports memories that were removed or put back by
    other means. Closing this store closes both.

    Args:
        store: the store of the memories. It needs the features ``read`` and ``ids``, so that a seal is bound to an id.
        keys: the keys of the seals, made by `memory_keys`.
        journal: the store of the streams; always the same one for the same memories.
        clock: returns the time, in seconds since 1970.
    """

    def __init__(
        self,
        store: MemoryStore,
        keys: SealKeys,
        journal: JournalStore | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if isinstance(store, SealedMemory):
            raise ConfigurationError(
                "A sealed memory cannot be sealed once more: one seal would take the place of the other.",
                guidance="Seal the store that keeps the memories, with one set of keys.",
            )
        if isinstance(store, CheckedStore):
            # The store's own checks are off: a changed memory is recognized by its seal, and reported like any other.
            store = store.unchecked()
        if not {"read", "ids"} <= store.supports:
            raise ConfigurationError(
                f"A memory of the kind {store.name!r:.100} cannot be sealed: it keeps no ids, or cannot be listed.",
                guidance="Seal one of the other kinds.",
            )
        self._store = store
        self._keys = keys
        self._clock = clock
        self._recorded: RecordedMemories | None = None
        if journal is not None:
            self.record_in(journal)

    @property
    def is_recorded(self) -> bool:
        return self._recorded is not None

    def record_in(self, journal: JournalStore) -> None:
        streams = OwnerStreams(journal, self._keys, self._clock)
        self._recorded = RecordedMemories(self._store, self._keys, streams, _account())

    @property
    def name(self) -> str:
        return f"sealed {self._store.name}"

    def unchecked(self) -> MemoryStore:
        """Return the other store, which reads memories with their seals and does not check these."""
        return self._store

    @property
    def supports(self) -> frozenset[MemoryFeature]:
        return self._store.supports

    async def write(self, records: Sequence[MemoryRecord]) -> None:
        if self._recorded is not None:
            await self._recorded.write(records)
        else:
            await self._store.write([replace(one, metadata=sealed(self._keys, one)) for one in records])

    async def recall(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> Sequence[FoundMemory]:
        """Recall as the other store does: at most `limit` genuine memories, then at most `limit` forged ones.

        If forged memories take the places of genuine ones, the search is repeated with a larger limit.
        """
        most = limit
        while True:
            found = await self._store.recall(owner, query, most, wanted)
            read = [opened(self._keys, owner, one) for one in found]
            genuine = [one for one in read if one.fields.get(TAMPERED) is not True]
            if len(genuine) >= limit or len(found) < most or most >= limit * _WIDEST:
                forged = [one for one in read if one.fields.get(TAMPERED) is True]
                return with_failed([*genuine[:limit], *forged[:limit]], failed_parts(found))
            most *= _WIDER

    async def read(self, selection: OwnerSelection, limit: int, cursor: str | None = None) -> MemoryPage:
        page = await self._store.read(selection, limit, cursor)
        for record in page.records:
            if not is_genuine(self._keys, record):
                raise StoreError(
                    f"The memory {record.memory_id!r:.100} was tampered with: its seal does not fit.",
                    guidance="`lightagent memory verify` names all of them. Find out who writes to the store; a wrong "
                    "key or name looks the same. `lightagent memory forget --id` removes one.",
                )
        records = (replace(one, metadata=without_seal(one.metadata)) for one in page.records)
        return MemoryPage(tuple(records), page.cursor)

    async def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None = None) -> int:
        return await (self._recorded or self._store).forget(selection, memory_ids)

    async def reindex(self) -> int:
        """Rebuild the index of the other store, and return the number of memories.

        Raises:
            ConfigurationError: the other store has no index that can be rebuilt.
            StoreError: the other store could not be read or written.
        """
        if not isinstance(self._store, ReindexedStore):
            raise ConfigurationError(
                f"A memory of the kind {self._store.name!r:.100} has no index that could be made anew.", guidance=""
            )
        return await self._store.reindex()

    async def aclose(self) -> None:
        if self._recorded is not None:
            await self._recorded.aclose()
        await self._store.aclose()

    async def findings(self, selection: OwnerSelection = _EVERYBODY) -> AsyncIterator[MemoryFinding]:
        """Yield the faults of the memories of these owners, and the writes that are not recorded yet.

        Raises:
            StoreError: a store could not be read.
        """
        if self._recorded is None:
            found = seal_findings(self._store, self._keys, selection)
        else:
            found = MemoryVerifier(self._store, self._keys, self._recorded.streams).findings(selection)
        async for finding in found:
            yield finding

    async def faults(self, selection: OwnerSelection = _EVERYBODY) -> AsyncIterator[MemoryFinding]:
        """Yield the faults of the memories of these owners.

        Raises:
            StoreError: a store could not be read.
        """
        async for finding in self.findings(selection):
            if finding.is_fault:
                yield finding

    async def adopt(self, selection: OwnerSelection = _EVERYBODY) -> int:
        """Record the memories of these owners whose seals match as correct, and return how many they are.

        Use it for memories that are older than their streams, or once you know the cause of a difference. Memories that
        were removed or put back before are not reported any more.

        Raises:
            ConfigurationError: no journal store was given.
            StoreError: a store could not be read or written.
        """
        if self._recorded is None:
            raise ConfigurationError(
                "Adopting memories needs a journal store, and none is configured.",
                guidance="Configure [journals], or give the sealed memory a journal of its own.",
            )
        return await self._recorded.adopt(selection)


def _account() -> str:
    """Return the name of the account that runs this process; empty if it has none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""  # In some containers the account has no name.


class SealedOptions(BaseModel):
    """Options of the kind `sealed`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", hide_input_in_errors=True)

    # The options of the other store may hold secrets, of which only that store knows.
    store: JsonObject = Field(repr=False, description="the memory that keeps them: its kind and its options")
    name: str = Field(min_length=1, description="the store's name; it is part of every key, and cannot be changed")
    keys: dict[str, SecretStr] = Field(min_length=1, description="secrets by key id, each at least 32 random bytes")
    current: str = Field(default="", description="the id of the key that seals; needed where there are several")
    journal: JsonObject | None = Field(
        default=None,
        repr=False,
        description="the journal store in which writes and removals are put on record; by default [journals], if there "
        "is one",
    )


def _open(options: SealedOptions) -> SealedMemory:
    secrets = {name: secret.get_secret_value() for name, secret in options.keys.items()}
    keys = memory_keys(options.name, secrets, options.current)
    store = open_nested("memory", options.store, at="memory.store", example="sqlite")
    if not isinstance(store, MemoryStore):
        opened_a = f"{options.store['kind']!r} opened a {type(store).__name__}"
        raise ConfigurationError(f"memory.store.kind: {opened_a}, which is not a MemoryStore.")
    if options.journal is None:
        return SealedMemory(store, keys)
    journal = open_nested("journals", options.journal, at="memory.journal", example="sqlite")
    if not isinstance(journal, JournalStore):
        opened_a = f"{options.journal['kind']!r} opened a {type(journal).__name__}"
        raise ConfigurationError(f"memory.journal.kind: {opened_a}, which is not a JournalStore.")
    # What forgets everything with its process would make each memory look planted or removed in the next one.
    lasts = outlives_process(options.store) and outlives_process(options.journal)
    return SealedMemory(store, keys, journal if lasts else None)


ADAPTER = Adapter(SealedOptions, _open)
