"""A journal store in JSON files, a file a stream, that a text editor opens; for any number of processes of one machine.

An append is one write at the end of a file and one sync, whatever the length of the stream. Each line has a checksum:
what was flipped or is missing is noticed when it is read. What a crash has cut was never acknowledged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import ClassVar, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from lightagent.adapters.journals._waiting import wait_for_entries
from lightagent.adapters.journals.files import writing
from lightagent.adapters.journals.files.disk import translate_errors
from lightagent.adapters.journals.files.folder import Folder, open_folder
from lightagent.adapters.journals.files.reading import Reader
from lightagent.adapters.registry import Adapter
from lightagent.aiokits.job_thread import JobThread
from lightagent.domain.journals.input_checks import (
    check_forgetting,
    check_numbers,
    check_query,
    check_reading,
    check_written,
)
from lightagent.domain.journals.streams import Draft, Lease, Slice, StreamKey, StreamPage, StreamQuery
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore

T = TypeVar("T")

_APPENDERS: Final = 8
"""Threads that append. What several of them sync at once, the file system writes to the disk in one go: 64 appends at
once to as many streams took about a tenth of the time that one thread needs, and twice as many threads gained nothing.
Appends to one stream never share a sync: each waits until the one before it was acknowledged.
"""


class JsonFilesJournalStore(JournalStore):
    """Keeps streams as files of one directory, which is made at the first use.

    Listing looks at every file: the store is for thousands of streams, SQLite is for more. The directory is on a disk
    of this machine, since file locks are not safe on every network drive.

    Args:
        directory: of this store alone.
        busy_timeout: seconds to wait for another process that writes.
        clock: tells the seconds by which leases end.
    """

    def __init__(
        self, directory: str | Path, *, busy_timeout: float = 30.0, clock: Callable[[], float] = time.time
    ) -> None:
        self.directory: Path = Path(directory).absolute()
        self._clock = clock
        opened = partial(open_folder, self.directory, busy_timeout)
        self._writer = JobThread("lightagent-journals", partial(opened, writing=True), _closed, nullcontext)
        self._appenders = tuple(
            JobThread("lightagent-journals-append", partial(opened, writing=True), _closed, nullcontext)
            for _ in range(_APPENDERS)
        )
        self._reader = JobThread(
            "lightagent-journals-read", lambda: Reader(opened(writing=False)), _closed, nullcontext
        )

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
        asked = writing.Append(key, drafts, expected, at, labels, token, seal, replacing)
        thread = self._appenders[asked.choose(_APPENDERS)]  # The same for all of a stream, which keeps their order.
        return await self._write(lambda folder: asked.carry_out(folder, self._clock()), thread)

    async def read(self, key: StreamKey, after: int = 0, limit: int = 1000, wait: float = 0.0) -> Slice:
        check_reading(after, limit)

        async def look() -> Slice:
            return await self._read(lambda reader: reader.read(key, after, limit, self._clock()))

        return await wait_for_entries(look, wait)

    async def list(self, query: StreamQuery) -> StreamPage:
        check_query(query)
        return await self._read(lambda reader: reader.list_streams(query, self._clock()))

    async def lease(self, key: StreamKey, holder: str, seconds: float, token: int | None = None) -> Lease:
        check_numbers(token=token)
        return await self._write(lambda folder: writing.lease(folder, key, holder, seconds, token, self._clock()))

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
        if isinstance(what, StreamKey):
            if before is not None:
                return await self._write(lambda folder: writing.prune(folder, what, before, expected, seal, replacing))
            return await self._write(lambda folder: writing.forget_stream(folder, what, expected, replacing))
        return await self._write(lambda folder: writing.forget_subject(folder, what))

    async def _write(self, work: Callable[[Folder], T], thread: JobThread[Folder] | None = None) -> T:
        return await (thread or self._writer).run(partial(_translated, self.directory, work))

    async def _read(self, work: Callable[[Reader], T]) -> T:
        return await self._reader.run(partial(_translated, self.directory, work))

    async def aclose(self) -> None:
        for thread in (*self._appenders, self._writer):
            await thread.aclose()
        await self._reader.aclose()


OwnedT = TypeVar("OwnedT")


def _translated(directory: Path, work: Callable[[OwnedT], T], owned: OwnedT) -> T:
    with translate_errors(directory):
        return work(owned)


def _closed(owned: object) -> None:
    """No file is open between two calls."""


class FilesOptions(BaseModel):
    """Options of the kind `files`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    directory: str = Field(description="a directory of this store alone; it is made at the first use")
    busy_timeout: float = Field(default=30.0, gt=0, description="seconds to wait for another process that writes")


def _open(options: FilesOptions) -> JsonFilesJournalStore:
    return JsonFilesJournalStore(options.directory, busy_timeout=options.busy_timeout)


ADAPTER = Adapter(FilesOptions, _open)
