"""A journal store in one SQLite file: the embedded default, for any number of processes of one machine.

One thread of the store writes, and takes what waits into one transaction; another reads. The write-ahead log is synced
at every commit, so that what was acknowledged survives a crash of the machine too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import ClassVar, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from lightagent.adapters._sqlite.connection import Database, Synchronous, checked_path
from lightagent.adapters._sqlite.log import LogKeeper, LogState, look_at_log, notes_of
from lightagent.adapters._sqlite.transactions import savepoint, snapshot, transaction, translate_errors
from lightagent.adapters.journals._waiting import wait_for_entries
from lightagent.adapters.journals.sqlite import reading, writing
from lightagent.adapters.journals.sqlite.tables import open_database
from lightagent.adapters.registry import Adapter
from lightagent.aiokits.job_thread import JobThread
from lightagent.domain.journals.input_checks import (
    check_forgetting,
    check_numbers,
    check_query,
    check_reading,
    check_written,
)
from lightagent.domain.journals.streams import Draft, Lease, Slice, StoreNote, StreamKey, StreamPage, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import ExaminedStore, JournalStore

T = TypeVar("T")

_BETWEEN_LOOKS: Final = 0.3
"""Seconds after which a transaction that is still open is not one of those that come and go."""


class SqliteJournalStore(JournalStore, ExaminedStore):
    """Keeps streams in one file, which is made at the first use.

    Args:
        path: the file. Beside it stand ``-wal`` and ``-shm``, which belong to it.
        synchronous: ``full`` survives a loss of power; ``normal`` is faster, and may then lose the last appends.
        busy_timeout: seconds to wait for another process that writes.
        clock: tells the seconds by which leases end.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        synchronous: Synchronous = "full",
        busy_timeout: float = 30.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        # Absolute, so that a change of the working directory leads no thread of the store to another file.
        self.path: Path = checked_path(path, "journal store", "memory")
        self._clock = clock
        opened = partial(open_database, self.path, synchronous, busy_timeout)
        self._log = LogKeeper(self.path)
        self._writer = JobThread("lightagent-journals", opened, Database.close, partial(_writes, self.path, self._log))
        self._reader = JobThread("lightagent-journals-read", opened, Database.close, nullcontext)

    async def append(
        self,
        key: StreamKey,
        drafts: Sequence[Draft],
        *,
        expected: int,
        at: float,
        labels: Mapping[str, str] | None = None,
        token: int | None = None,
        seal: str = "",
        replacing: str | None = None,
    ) -> int:
        check_written(drafts, labels, expected, at, token, seal)
        return await self._write(
            lambda db: writing.append(db, key, drafts, expected, at, labels, token, seal, replacing, self._clock())
        )

    async def read(self, key: StreamKey, after: int = 0, limit: int = 1000, wait: float = 0.0) -> Slice:
        check_reading(after, limit)

        async def look() -> Slice:
            return await self._read(lambda db: reading.read(db, key, after, limit, self._clock()))

        return await wait_for_entries(look, wait)

    async def list(self, query: StreamQuery) -> StreamPage:
        check_query(query)
        return await self._read(lambda db: reading.list_streams(db, query, self._clock()))

    async def lease(self, key: StreamKey, holder: str, seconds: float, token: int | None = None) -> Lease:
        check_numbers(token=token)
        return await self._write(lambda db: writing.lease(db, key, holder, seconds, token, self._clock()))

    async def forget(
        self,
        what: StreamKey | Scope,
        *,
        before: int | None = None,
        expected: int | None = None,
        seal: str | None = None,
        replacing: str | None = None,
    ) -> int:
        check_forgetting(what, before, expected, seal, replacing)

        def remove(db: Database) -> int:
            if isinstance(what, Scope):
                gone = writing.forget_subject(db, what)
            elif before is None:
                gone = writing.forget_stream(db, what, expected, replacing)
            else:
                gone = writing.prune(db, what, before, expected, seal, replacing)
            self._log.empty()
            return gone

        return await self._write(remove)

    async def examine(self) -> Sequence[StoreNote]:
        first = await self._look_at_log()
        await asyncio.sleep(_BETWEEN_LOOKS)
        return notes_of(first, await self._look_at_log())

    async def _look_at_log(self) -> LogState:
        def look(connection: Database) -> LogState:
            with translate_errors(self.path):
                return look_at_log(connection, self.path)

        return await self._reader.run(look)

    async def _write(self, work: Callable[[Database], T]) -> T:
        return await self._writer.run(_alone(self.path, work))

    async def _read(self, work: Callable[[Database], T]) -> T:
        return await self._reader.run(_snapshot(self.path, work))

    async def aclose(self) -> None:
        await self._writer.aclose()
        await self._reader.aclose()


@contextmanager
def _writes(path: Path, log: LogKeeper, connection: Database) -> Generator[None, None, None]:
    """One transaction for all that is written together."""
    with translate_errors(path), transaction(connection):
        connection.check_in_place()
        yield
        connection.check_in_place()
    log.tend(connection)


def _alone(path: Path, work: Callable[[Database], T]) -> Callable[[Database], T]:
    """The work of one caller among those that are written together: what it fails at, it leaves nothing of."""

    def carry_out(connection: Database) -> T:
        with translate_errors(path), savepoint(connection):
            return work(connection)

    return carry_out


def _snapshot(path: Path, work: Callable[[Database], T]) -> Callable[[Database], T]:
    """The work of one reader, as of one moment."""

    def carry_out(connection: Database) -> T:
        with translate_errors(path), snapshot(connection):
            connection.check_in_place()
            return work(connection)

    return carry_out


class SqliteOptions(BaseModel):
    """Options of the kind `sqlite`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    path: str = Field(description="the database file; it is made at the first use")
    synchronous: Synchronous = Field(
        default="full",
        description="full survives a loss of power; normal is faster, and may then lose the last appends",
    )
    busy_timeout: float = Field(default=30.0, gt=0, description="seconds to wait for another process that writes")


def _open(options: SqliteOptions) -> SqliteJournalStore:
    return SqliteJournalStore(options.path, synchronous=options.synchronous, busy_timeout=options.busy_timeout)


ADAPTER = Adapter(SqliteOptions, _open)
