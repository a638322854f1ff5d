"""Memories that several agents share, kept in this process or by any other store of memories.

A program may use the pool itself (`store`, `retrieve`, `list_records`), and agents take it as `memory=`. Both name the
user by one text, and see the same records: that of an agent's user is `MemoryOwner.user_id`.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict

from lightagent.adapters.memory._pool_records import SharedRecord, SharedResults, found_record, of_user, pool_record
from lightagent.adapters.memory._pool_users import named_user, only_user, own_selection, owner_of, place_of
from lightagent.adapters.memory.process import InProcessMemory
from lightagent.adapters.registry import Adapter
from lightagent.aiokits.paging import all_pages
from lightagent.aiokits.sync_bridge import run_sync
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.memories import MemoryScope
from lightagent.domain.memory.recall_filter import RecallFilter, facts_of
from lightagent.domain.memory.recall_limits import MOST_QUERY, shortened
from lightagent.domain.memory.records import FoundMemory, MemoryOwner, MemoryRecord
from lightagent.domain.memory.validity import ends_of, version_of
from lightagent.ports.memory import (
    MemoryFeature,
    MemoryPage,
    MemoryStore,
    OwnerSelection,
    failed_parts,
    with_failed,
)

_PAGE: Final = 500


class SharedMemoryPool(MemoryStore):
    """Memories that agents share. Nothing is ever overwritten, and every record says where it comes from.

    Serves any number of agents, threads and event loops at once.

    Args:
        agent_name: who writes, where a record does not say so itself.
        default_source: where what is written comes from, where a record does not say so.
        default_scope: for whom it is, where a record does not say so.
        max_results: what `retrieve` gives at most.
        over: the store that keeps the records; by default they live as long as the pool.
        clock: tells the time, in seconds since 1970.

    Raises:
        ConfigurationError: `over` is not a memory store.
    """

    def __init__(
        self,
        *,
        agent_name: str | None = None,
        default_source: str = "user",
        default_scope: str = "user",
        max_results: int = 5,
        over: MemoryStore | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if over is not None and not isinstance(over, MemoryStore):
            raise ConfigurationError(f"SharedMemoryPool: over= takes a store of memories, not {type(over).__name__}.")
        self.agent_name = agent_name
        self.default_source = default_source
        self.default_scope = default_scope
        self.max_results = max_results
        self._kept = InProcessMemory() if over is None else over
        self._clock = clock

    @property
    def name(self) -> str:
        return "shared"

    @property
    def supports(self) -> frozenset[MemoryFeature]:
        return self._kept.supports

    def store(
        self,
        data: str,
        user_id: str,
        *,
        metadata: Mapping[str, object] | None = None,
        scope: MemoryScope | None = None,
    ) -> JsonObject:
        """Keep a text for a user, and tell the id of its record.

        Args:
            metadata: plain JSON that is kept with it; its keys go before those of the scope.
            scope: where it comes from; by default as the pool says.

        Raises:
            ConfigurationError: the user is missing, the metadata is not plain JSON, or the text is too long.
            StoreError: it could not be written.
        """
        said = MemoryScope(self.default_source, self.default_scope, self.agent_name) if scope is None else scope
        known = {**said.to_metadata(), **to_json_object(metadata or {}, "SharedMemoryPool: metadata")}
        owner = place_of(named_user(user_id))
        record = MemoryRecord(secrets.token_hex(16), owner, str(data), known, self._clock())
        run_sync(self._kept.write([record]))
        return {"stored": True, "memory_id": record.memory_id, "user_id": owner.user}

    def retrieve(
        self,
        query: str,
        user_id: str,
        *,
        agent_name: str | None = None,
        source: str | None = None,
        scope: str | None = None,
        limit: int | None = None,
        metadata: JsonObject | None = None,
        valid_at: float | None = None,
    ) -> SharedResults:
        """The records of exactly this user that say most about the query, best first, as ``{"results": [...]}``.

        A query without words gives the newest ones. What must not reach a model, and what has expired, is not found.

        Args:
            agent_name, source, scope: only records that say so.
            limit: how many at most; by default `max_results`.
            metadata: values that keys of a record's metadata must have.
            valid_at: what held then, in seconds since 1970; by default what holds now.

        Raises:
            ConfigurationError: the user is missing.
            StoreError: the store could not be searched.
        """
        most = self.max_results if limit is None else limit
        if most <= 0:
            return {"results": []}
        wanted = RecallFilter(
            self._clock(),
            sources=None if source is None else (source,),
            scopes=None if scope is None else (scope,),
            agent_names=None if agent_name is None else (agent_name,),
            with_internal=True,
            metadata=metadata or {},
            valid_at=valid_at,
        )
        user = named_user(user_id)
        if not any(character.isalnum() for character in query):
            holding = run_sync(self._holding(user, wanted))
            return {"results": [pool_record(one) for one in holding[: -most - 1 : -1]]}
        found = run_sync(self._found(user, shortened(query, MOST_QUERY), most, wanted))
        return {"results": [found_record(one, user) for one in found if one.fields.get("user_id") == user]}

    def list_records(
        self,
        *,
        user_id: str | None = None,
        agent_name: str | None = None,
        source: str | None = None,
        scope: str | None = None,
    ) -> list[SharedRecord]:
        """The records, the oldest first: all, or those of one user, agent, source or scope.

        Raises:
            StoreError: they could not be read.
        """
        wanted = {"agent_name": agent_name, "source": source, "scope": scope}
        asked = {name: value for name, value in wanted.items() if value is not None}
        found = run_sync(self._all(None if user_id is None else str(user_id)))
        return [
            pool_record(record)
            for record in found
            if all(record.metadata.get(name) == value for name, value in asked.items())
        ]

    def clear(self, *, user_id: str | None = None) -> int:
        """Remove the records of one user, or all of them, for good; how many there were.

        Raises:
            StoreError: they could not be removed.
        """
        return run_sync(self._kept.forget(own_selection(None if user_id is None else str(user_id))))

    def __len__(self) -> int:
        return len(run_sync(self._all(None)))

    def __bool__(self) -> bool:
        """A pool without records is one all the same."""
        return True

    async def write(self, records: Sequence[MemoryRecord]) -> None:
        await self._kept.write(
            [
                MemoryRecord(
                    record.memory_id,
                    place_of(record.owner.user_id),
                    record.text,
                    {**self._default(), **record.metadata},
                    record.written_at,
                )
                for record in records
            ]
        )

    async def recall(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> Sequence[FoundMemory]:
        return await self._found(owner.user_id, query, limit, wanted)

    async def _found(self, user: str, query: str, limit: int, wanted: RecallFilter) -> Sequence[FoundMemory]:
        place = place_of(user)
        found = await self._kept.recall(place, query, limit, wanted)
        return with_failed([of_user(one, place, user) for one in found], failed_parts(found))

    async def read(self, selection: OwnerSelection, limit: int, cursor: str | None = None) -> MemoryPage:
        page = await self._kept.read(own_selection(only_user(selection)), limit, cursor)
        own = ((record, owner_of(record.owner.user)) for record in page.records)
        chosen = (
            MemoryRecord(record.memory_id, owner, record.text, record.metadata, record.written_at)
            for record, owner in own
            if selection.holds(owner)
        )
        return MemoryPage(tuple(chosen), page.cursor)

    async def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None = None) -> int:
        user = only_user(selection)
        if user is not None:
            return await self._kept.forget(own_selection(user), memory_ids)
        users = {record.owner.user for record in await self._all(None)}
        chosen = [one for one in sorted(users) if selection.holds(owner_of(one))]
        return sum([await self._kept.forget(own_selection(one), memory_ids) for one in chosen])

    async def aclose(self) -> None:
        await self._kept.aclose()

    def _default(self) -> JsonObject:
        return MemoryScope(self.default_source, self.default_scope, self.agent_name).to_metadata()

    async def _holding(self, user: str, wanted: RecallFilter) -> list[MemoryRecord]:
        """The records that a filter lets through, the oldest first."""
        records = await self._all(user)
        ends = ends_of(version_of(one.memory_id, one.metadata, one.written_at) for one in records)
        facts = ((one, facts_of(one), ends.get(one.memory_id)) for one in records)
        return [one for one, known, end in facts if wanted.fits(known.superseded_at(end), one.metadata)]

    async def _all(self, user: str | None) -> list[MemoryRecord]:
        pages = all_pages(lambda cursor: self._kept.read(own_selection(user), _PAGE, cursor or None))
        return [record async for page in pages for record in page.records]


class SharedOptions(BaseModel):
    """It has none: a pool over another store is made by the program."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


ADAPTER = Adapter(SharedOptions, lambda options: SharedMemoryPool())
