"""Seals what another store of memories keeps, so that what is edited or planted behind its back is never recalled."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from lightagent.adapters.registry import Adapter, open_nested
from lightagent.aiokits.paging import all_pages
from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.journal_seals import SealKeys
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory_records import FoundMemory, MemoryOwner, MemoryRecord
from lightagent.domain.memory_seals import TAMPERED, is_genuine, memory_keys, opened, sealed, without_seal
from lightagent.domain.recall_filter import RecallFilter
from lightagent.ports.memory import (
    CheckedStore,
    MemoryFeature,
    MemoryPage,
    MemoryStore,
    OwnerSelection,
    ReindexedStore,
    failed_parts,
    with_failed,
)

_PAGE: Final = 200
_WIDER: Final = 8
"""How many times as many are looked for where forged ones are among those that were found."""

_WIDEST: Final = 64
"""How many times as many are looked for at most."""

_EVERYBODY: Final = OwnerSelection()


class SealedMemory(MemoryStore):
    """Writes memories with a seal into another store, and opens what that store gives.

    A memory whose seal does not fit is found without its text, marked as ``tampered``, and no model ever sees it; what
    lists memories fails at it, and `faults` names each. The other store is closed with this one.

    Args:
        store: keeps the memories. It needs the features ``read`` and ``ids``, so that a seal is bound to an id.
        keys: made by `memory_keys`.
    """

    def __init__(self, store: MemoryStore, keys: SealKeys) -> None:
        if isinstance(store, SealedMemory):
            raise ConfigurationError(
                "A sealed memory cannot be sealed once more: one seal would take the place of the other.",
                guidance="Seal the store that keeps the memories, with one set of keys.",
            )
        if isinstance(store, CheckedStore):
            # What the store itself finds changed is judged, counted and named by its seal, like all that is changed.
            store = store.unchecked()
        if not {"read", "ids"} <= store.supports:
            raise ConfigurationError(
                f"A memory of the kind {store.name!r:.100} cannot be sealed: it keeps no ids, or cannot be listed.",
                guidance="Seal one of the other kinds.",
            )
        self._store = store
        self._keys = keys

    @property
    def name(self) -> str:
        return f"sealed {self._store.name}"

    def unchecked(self) -> MemoryStore:
        """The memories as the other store has them, with their seals, whether these fit or not."""
        return self._store

    @property
    def supports(self) -> frozenset[MemoryFeature]:
        return self._store.supports

    async def write(self, records: Sequence[MemoryRecord]) -> None:
        await self._store.write([replace(one, metadata=sealed(self._keys, one)) for one in records])

    async def recall(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> Sequence[FoundMemory]:
        """As of the store; besides the genuine ones, at most as many that are not. Those crowd out no genuine ones, as
        long as they are not hundreds.
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
        return await self._store.forget(selection, memory_ids)

    async def reindex(self) -> int:
        """Make the index of the other store anew; how many memories there are.

        Raises:
            ConfigurationError: the other store has none that could be made anew.
            StoreError: it could not be read or written.
        """
        if not isinstance(self._store, ReindexedStore):
            raise ConfigurationError(
                f"A memory of the kind {self._store.name!r:.100} has no index that could be made anew.", guidance=""
            )
        return await self._store.reindex()

    async def aclose(self) -> None:
        await self._store.aclose()

    async def faults(self, selection: OwnerSelection = _EVERYBODY) -> AsyncIterator[MemoryRecord]:
        """The records of these owners whose seal does not fit, as they are in the store.

        Raises:
            StoreError: the store could not be read.
        """
        async for page in all_pages(lambda cursor: self._store.read(selection, _PAGE, cursor or None)):
            for record in page.records:
                if not is_genuine(self._keys, record):
                    yield record


class SealedOptions(BaseModel):
    """Options of the kind `sealed`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    # The options of the other store may hold secrets, of which only that store knows.
    store: JsonObject = Field(repr=False, description="the memory that keeps them: its kind and its options")
    name: str = Field(min_length=1, description="the store's name; it is part of every key, and cannot be changed")
    keys: dict[str, SecretStr] = Field(min_length=1, description="secrets by key id, each at least 32 random bytes")
    current: str = Field(default="", description="the id of the key that seals; needed where there are several")


def _open(options: SealedOptions) -> SealedMemory:
    secrets = {name: secret.get_secret_value() for name, secret in options.keys.items()}
    keys = memory_keys(options.name, secrets, options.current)
    store = open_nested("memory", options.store, at="memory.store", example="sqlite")
    if not isinstance(store, MemoryStore):
        opened_a = f"{options.store['kind']!r} opened a {type(store).__name__}"
        raise ConfigurationError(f"memory.store.kind: {opened_a}, which is no store of memories.")
    return SealedMemory(store, keys)


ADAPTER = Adapter(SealedOptions, _open)
