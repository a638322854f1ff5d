"""Memories for their administrators: listed, exported, copied to another store, and erased."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from lightagent.aiokits.paging import all_pages
from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.text.characters import written_out
from lightagent.ports.memory import CheckedStore, MemoryFeature, MemoryStore, OwnerSelection

FORMAT: Final = "lightagent.memories"
VERSION: Final = 1

EVERYTHING: Final = OwnerSelection()
"""The memories of all owners."""

_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class CopiedMemories:
    """What was copied into another store.

    Attributes:
        owners: how many there are.
        copied: the records that were written, and are the same there.
        present: those that the other store had already, and are the same there.
        differing: those that differ there, since the other store had them already, which stayed as they
            were, or since it keeps them otherwise; owner and id of each.
    """

    owners: int
    copied: int
    present: int
    differing: tuple[tuple[MemoryOwner, str], ...] = ()


class Memories:
    """The memories in a store, of any owners."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def list(self, selection: OwnerSelection = EVERYTHING) -> AsyncIterator[MemoryRecord]:
        """The records of these owners, in the order in which they were written.

        Raises:
            ConfigurationError: the store cannot list what it holds.
            StoreError: it could not be read.
        """
        self._require("read", "list what it holds")
        async for page in all_pages(lambda cursor: self._store.read(selection, _PAGE, cursor or None)):
            for record in page.records:
                yield record

    async def export(self, selection: OwnerSelection = EVERYTHING) -> AsyncIterator[str]:
        """All that is kept of these owners as lines of JSON, without line breaks: a head, a line a record, and an end.

        Raises:
            ConfigurationError: the store cannot list what it holds.
            StoreError: it could not be read.
        """
        whose = dict(zip(_PARTS, selection.parts, strict=True))
        yield _line({"format": FORMAT, "version": VERSION, "store": self._store.name, "selection": whose})
        count = 0
        async for record in self.list(selection):
            yield _line(record_as_json(record))
            count += 1
        yield _line({"memories": count, "complete": True})

    async def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None = None) -> int:
        """Remove the records of these owners for good, or those of these ids among them; how many there were.

        Raises:
            ConfigurationError: no owner and no id is named, or the store cannot remove anything.
            StoreError: it could not be written.
        """
        self._require("forget", "forget")
        if selection == EVERYTHING and memory_ids is None:
            raise ConfigurationError(
                "Nothing says which memories to forget.",
                guidance="Name a part of their owner, such as OwnerSelection(tenant=…), or their ids.",
            )
        return await self._store.forget(selection, memory_ids)

    async def copy(
        self,
        target: MemoryStore,
        selection: OwnerSelection = EVERYTHING,
        report: Callable[[int], None] | None = None,
    ) -> CopiedMemories:
        """Write the records of these owners into another store unchanged, and check that they are there.

        It may be interrupted and begun again: records that the other store has are not written again.

        Args:
            report: is called with the number of records that were read, page by page.

        Raises:
            ConfigurationError: one of the stores cannot list what it holds, or the other one keeps no ids.
            StoreError: one could not be read or written, or the other one does not hold what was written to it.
        """
        there = Memories(target)
        there._require("read", "list what it holds, so that a copy can be verified")
        there._require("ids", "keep the ids of memories, so that what is copied again would be there twice")
        owners = set[MemoryOwner]()
        copied, present = 0, 0
        differing = list[tuple[MemoryOwner, str]]()
        async for owner, records in self._by_owner(selection):
            owners.add(owner)
            known = await there._of_owner(owner)
            new = [record for record in records if record.memory_id not in known]
            for place in range(0, len(new), _PAGE):
                await target.write(new[place : place + _PAGE])
            kept = await there._of_owner(owner) if new else known
            for record in records:
                found = kept.get(record.memory_id)
                if found is None:
                    raise StoreError(
                        f"{target.name} does not hold the memory {record.memory_id!r:.100} that was written to it.",
                        guidance="Nothing was removed here. Look into the other store, and copy once more.",
                    )
                if found != record:
                    differing.append((owner, record.memory_id))
                elif record.memory_id in known:
                    present += 1
                else:
                    copied += 1
            if report is not None:
                report(copied + present + len(differing))
        return CopiedMemories(len(owners), copied, present, tuple(differing))

    async def _by_owner(self, selection: OwnerSelection) -> AsyncIterator[tuple[MemoryOwner, Sequence[MemoryRecord]]]:
        """The records of each owner; of all owners, only the names are in memory at once."""
        owners = dict[MemoryOwner, None]()
        async for record in self.list(selection):
            owners[record.owner] = None
        for owner in owners:
            yield owner, [record async for record in self.list(OwnerSelection(*owner.parts))]

    async def _of_owner(self, owner: MemoryOwner) -> dict[str, MemoryRecord]:
        return {record.memory_id: record async for record in self.list(OwnerSelection(*owner.parts))}

    def _require(self, feature: MemoryFeature, what: str) -> None:
        if feature not in self._store.supports:
            raise ConfigurationError(
                f"The memory {self._store.name!r:.100} cannot {what}.",
                guidance="Use another kind of store, or the tools of the one that it stands for.",
            )


async def chosen_memories(
    store: MemoryStore, selection: OwnerSelection, memory_ids: Sequence[str] | None = None
) -> list[MemoryRecord]:
    """The records of these owners, or those of these ids among them, also such as were tampered with or damaged.

    Raises:
        ConfigurationError: the store cannot list what it holds.
        StoreError: it could not be read.
    """
    kept = store.unchecked() if isinstance(store, CheckedStore) else store
    return [one async for one in Memories(kept).list(selection) if not memory_ids or one.memory_id in memory_ids]


def ids_of_several(records: Sequence[MemoryRecord]) -> dict[str, list[MemoryOwner]]:
    """The ids that records of several owners share, since an id is unique for one owner only, and these owners."""
    owners = dict[str, dict[MemoryOwner, None]]()
    for record in records:
        owners.setdefault(record.memory_id, {})[record.owner] = None
    return {memory_id: [*known] for memory_id, known in owners.items() if len(known) > 1}


_PARTS: Final = ("namespace", "tenant", "user", "session", "agent")


def record_as_json(record: MemoryRecord) -> dict[str, object]:
    """A record with its owner, as an export holds it."""
    return {
        "memory_id": record.memory_id,
        "owner": dict(zip(_PARTS, record.owner.parts, strict=True)),
        "text": record.text,
        "metadata": record.metadata,
        "written_at": record.written_at,
    }


def _line(value: dict[str, object]) -> str:
    """JSON that any encoding of Unicode can hold, and that moves no cursor: what cannot be seen stands as an escape."""
    return written_out(json.dumps(value, ensure_ascii=False))
