"""Facts that change: when each of an owner's memories was valid, and which newer one replaces an older one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

from lightagent.application.memory.memories import Memories
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.memory.filter import EXPIRES_AT, VALID_FROM, VALID_UNTIL
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.memory.validity import (
    SUPERSEDES,
    Version,
    begins_at,
    ends_at,
    ends_of,
    line_of,
    named_with,
    version_of,
)
from lightagent.ports.memory import MemoryStore, OwnerSelection

_TIMES: Final = frozenset({*VALID_FROM, *VALID_UNTIL, *EXPIRES_AT, SUPERSEDES})


@dataclass(frozen=True, slots=True)
class FactVersion:
    """One state of a fact, and when it was valid.

    Attributes:
        record: as written.
        valid_from: seconds since 1970; None: since ever.
        valid_until: when it ends, by its own metadata or since another replaced it; None: it is still
            valid.
    """

    record: MemoryRecord
    valid_from: float | None
    valid_until: float | None


class Facts:
    """The memories in a store, as facts that change."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    async def history(self, owner: MemoryOwner, memory_id: str | None = None) -> list[FactVersion]:
        """An owner's memories, and when each was valid, the earliest first.

        Args:
            memory_id: only the states of the fact that this memory belongs to: those that it replaced, those that
                replaced it, and so on; None: all.

        Raises:
            ConfigurationError: the store cannot list what it holds, or the memory does not exist.
            StoreError: it could not be read.
        """
        records = [record async for record in self._of(owner)]
        versions = {one.memory_id: version_of(one.memory_id, one.metadata, one.written_at) for one in records}
        ends = ends_of(versions.values())
        chosen = versions.keys() if memory_id is None else line_of(_known(memory_id, versions), versions.values())
        found = [
            FactVersion(
                one,
                begins_at(versions[one.memory_id], one.metadata),
                ends_at(one.metadata, ends.get(one.memory_id)),
            )
            for one in records
            if one.memory_id in chosen
        ]
        return sorted(found, key=lambda one: versions[one.record.memory_id].order)

    async def supersede(
        self,
        owner: MemoryOwner,
        memory_id: str,
        text: str,
        *,
        new_id: str,
        at: float,
        valid_from: float | None = None,
        metadata: JsonObject | None = None,
    ) -> MemoryRecord:
        """Write a newer fact that replaces an older one. Both are kept; only the newer one is recalled.

        If several replace the same memory at once, the one that begins last is valid.

        Args:
            memory_id: the older memory's.
            text: the text of the newer memory.
            new_id: names the newer memory; writing it again changes nothing, at whatever time.
            at: when it is written, in seconds since 1970.
            valid_from: when it becomes valid; None: at `at`.
            metadata: of the newer memory; None: that of the older one, without its times.

        Returns:
            The record that is kept.

        Raises:
            ConfigurationError: the store cannot list what it holds, its owner has no memory of this id, or one of the
                new id that says something else.
            StoreError: it could not be read or written.
        """
        found = {one.memory_id: one async for one in self._of(owner) if one.memory_id in (memory_id, new_id)}
        if memory_id not in found:
            raise _unknown(memory_id)
        older = found[memory_id]
        kept = {name: value for name, value in older.metadata.items() if name not in _TIMES}
        said: JsonObject = {**(kept if metadata is None else metadata)}
        if valid_from is not None:
            said[VALID_FROM[0]] = valid_from
        named: list[JsonValue] = [*named_with(memory_id, older.metadata)]
        record = MemoryRecord(new_id, owner, text, {**said, SUPERSEDES: named}, at)
        if (there := found.get(new_id)) is None:
            await self._store.write([record])
            return record
        if (there.text, there.metadata) != (record.text, record.metadata):
            raise ConfigurationError(
                f"This owner has a memory {new_id!r:.100} already, which says something else. Nothing was written.",
                guidance="Name the newer memory by an id of its own.",
            )
        return there

    def _of(self, owner: MemoryOwner) -> AsyncIterator[MemoryRecord]:
        return Memories(self._store).list(OwnerSelection(*owner.parts))


def _known(memory_id: str, versions: Mapping[str, Version]) -> Version:
    if memory_id not in versions:
        raise _unknown(memory_id)
    return versions[memory_id]


def _unknown(memory_id: str) -> ConfigurationError:
    return ConfigurationError(
        f"This owner has no memory {memory_id!r:.100}.",
        guidance="`lightagent memory list` shows what there is, and whose it is.",
    )
