"""Memories in one SQLite file: the embedded default, for any number of processes of one machine.

One thread of the store writes, and takes what waits into one transaction; another reads. The write-ahead log is synced
at every commit, so that what was acknowledged survives a crash of the machine too.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

from lightagent.adapters._sqlite.connection import Database, Synchronous, checked_path
from lightagent.adapters._sqlite.log import LogKeeper
from lightagent.adapters._sqlite.transactions import said_plainly, savepoint, snapshot, transaction
from lightagent.adapters.memory.sqlite import reading, writing
from lightagent.adapters.memory.sqlite.conditions import condition
from lightagent.adapters.memory.sqlite.rows import find_owner
from lightagent.adapters.memory.sqlite.searching import Shelf, by_words
from lightagent.adapters.memory.sqlite.tables import open_database
from lightagent.adapters.registry import Adapter
from lightagent.adapters.stemming import english_stemmer
from lightagent.aiokits.job_thread import JobThread
from lightagent.domain.errors import StoreError
from lightagent.domain.memory_records import FoundMemory, MemoryOwner, MemoryRecord
from lightagent.domain.recall_filter import RecallFilter
from lightagent.domain.search_text import terms_of
from lightagent.ports.memory import ALL_FEATURES, MemoryFeature, MemoryPage, MemoryStore, OwnerSelection

T = TypeVar("T")


class SqliteMemory(MemoryStore):
    """Keeps memories in one file, which is made at the first use, and finds them by their words.

    Args:
        path: the file. Beside it stand ``-wal`` and ``-shm``, which belong to it.
        synchronous: ``full`` survives a loss of power; ``normal`` is faster, and may then lose the last writes.
        busy_timeout: seconds to wait for another process that writes.
        nearby: how much it counts that a memory was written just before or after one that fits, in the same
            conversation, from 0 (not at all) to 1.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        synchronous: Synchronous = "full",
        busy_timeout: float = 30.0,
        nearby: float = 1.0,
    ) -> None:
        self.path = checked_path(path, "store of memories", "process")
        self._nearby = nearby
        self._stem = english_stemmer()
        self._log = LogKeeper(self.path)
        opened = partial(open_database, self.path, synchronous, busy_timeout)
        self._writer = JobThread("lightagent-memory", opened, Database.close, partial(_writes, self.path, self._log))
        self._reader = JobThread("lightagent-memory-read", opened, Database.close, nullcontext)

    @property
    def name(self) -> str:
        return "sqlite"

    @property
    def supports(self) -> frozenset[MemoryFeature]:
        return ALL_FEATURES

    async def write(self, records: Sequence[MemoryRecord]) -> None:
        kept = tuple(records)

        def carry_out(connection: Database) -> None:
            for record in kept:
                writing.write(connection, record, terms_of(record.text, self._stem))

        await self._write(carry_out)

    async def recall(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> Sequence[FoundMemory]:
        def search(connection: Database) -> list[FoundMemory]:
            known = find_owner(connection, owner)
            if known is None or limit < 1:
                return []
            shelf, where = Shelf(*known), condition(known[0], wanted)
            numbers = by_words(connection, shelf, terms_of(query, self._stem), limit, where, self._nearby)
            return [record.found() for record in reading.records(connection, owner, numbers[:limit])]

        return await self._read(search)

    async def read(self, selection: OwnerSelection, limit: int, cursor: str | None = None) -> MemoryPage:
        return await self._read(lambda connection: reading.read(connection, selection, limit, cursor))

    async def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None = None) -> int:
        ids = None if memory_ids is None else tuple(memory_ids)

        def remove(connection: Database) -> int:
            gone = writing.forget(connection, selection, ids)
            self._log.empty()
            return gone

        return await self._write(remove)

    async def aclose(self) -> None:
        await self._writer.aclose()
        await self._reader.aclose()

    async def _write(self, work: Callable[[Database], T]) -> T:
        return await self._writer.run(_alone(self.path, work))

    async def _read(self, work: Callable[[Database], T]) -> T:
        return await self._reader.run(_snapshot(self.path, work))


@contextmanager
def _writes(path: Path, log: LogKeeper, connection: Database) -> Generator[None, None, None]:
    """One transaction for all that is written together."""
    with said_plainly(path, StoreError), transaction(connection):
        connection.check_in_place()
        yield
        connection.check_in_place()
    log.tend(connection)


def _alone(path: Path, work: Callable[[Database], T]) -> Callable[[Database], T]:
    """The work of one caller among those that are written together: what it fails at, it leaves nothing of."""

    def carry_out(connection: Database) -> T:
        with said_plainly(path, StoreError), savepoint(connection):
            return work(connection)

    return carry_out


def _snapshot(path: Path, work: Callable[[Database], T]) -> Callable[[Database], T]:
    """The work of one reader, as of one moment."""

    def carry_out(connection: Database) -> T:
        with said_plainly(path, StoreError), snapshot(connection):
            connection.check_in_place()
            return work(connection)

    return carry_out


class SqliteOptions(BaseModel):
    """Options of the kind `sqlite`."""

    model_config = ConfigDict(extra="forbid")

    path: str = Field(description="the database file; it is made at the first use")
    synchronous: Synchronous = Field(
        default="full",
        description="full survives a loss of power; normal is faster, and may then lose the last writes",
    )
    busy_timeout: float = Field(default=30.0, gt=0, description="seconds to wait for another process that writes")
    nearby: float = Field(
        default=1.0,
        ge=0,
        le=1,
        description="how much it counts that a memory stands beside one that fits, from 0 (not at all) to 1",
    )


def _open(options: SqliteOptions) -> SqliteMemory:
    return SqliteMemory(
        options.path, synchronous=options.synchronous, busy_timeout=options.busy_timeout, nearby=options.nearby
    )


ADAPTER = Adapter(SqliteOptions, _open)
