"""The store: who reads and writes, with which connection, and what is written together."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager, nullcontext
from copy import copy
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from lightagent.adapters._sqlite.connection import Database, Synchronous, checked_path
from lightagent.adapters._sqlite.log import LogKeeper
from lightagent.adapters._sqlite.transactions import savepoint, snapshot, transaction, translate_errors
from lightagent.adapters.memory._limits import countable
from lightagent.adapters.memory._space import (
    EMBEDDER_FAILURES,
    QUERY_SECONDS,
    TEXT_SECONDS,
    Space,
    embedded,
    embedded_if_it_works,
    query_vector,
    space_of,
    warn_of,
    without_meaning,
)
from lightagent.adapters.memory.sqlite import meaning, reading, writing
from lightagent.adapters.memory.sqlite.fusing import Question, search
from lightagent.adapters.memory.sqlite.tables import open_database
from lightagent.adapters.stemming import english_stemmer
from lightagent.aiokits.job_thread import JobThread
from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import FoundMemory, MemoryOwner, MemoryRecord
from lightagent.domain.text.search import memory_terms
from lightagent.domain.text.vectors import Vector
from lightagent.ports.embedding import Embedder
from lightagent.ports.memory import (
    ALL_FEATURES,
    CheckedStore,
    FailedPart,
    MemoryFeature,
    MemoryPage,
    MemoryStore,
    OwnerSelection,
    ReindexedStore,
    with_failed,
)

T = TypeVar("T")

_AT_ONCE: Final = 256
"""Memories of which vectors are made before they are written."""


class SqliteMemory(MemoryStore, ReindexedStore, CheckedStore):
    """Keeps memories in one file, which is made at the first use, and finds them by their words.

    With an embedder they are found by their meaning as well. While it fails, memories are written and found by their
    words alone, and the log says so; `reindex` makes the vectors that are missing.

    Args:
        path: the file. Beside it stand ``-wal`` and ``-shm``, which belong to it.
        embedder: makes the vectors, always the same one for a file. It is closed with the store.
        synchronous: ``full`` survives a loss of power; ``normal`` is faster, and may then lose the last writes.
        busy_timeout: seconds to wait for another process that writes.
        nearby: how much it counts that a memory was written just before or after one that fits, in the same
            conversation, from 0 (not at all) to 1.

    Raises:
        ConfigurationError: the path is that of no file.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        embedder: Embedder | None = None,
        synchronous: Synchronous = "full",
        busy_timeout: float = 30.0,
        nearby: float = 1.0,
    ) -> None:
        self.path: Path = checked_path(path, "store of memories", "process")
        self._embedder = embedder
        self._space: Space | None = None if embedder is not None else Space()
        self._nearby = nearby
        self._is_checked = True
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
        vectors = await self._vectors([record.text for record in kept])

        def carry_out(connection: Database) -> None:
            self._check_space(connection, is_writing=True)
            for record, vector in zip(kept, vectors, strict=True):
                number = writing.write(connection, record, memory_terms(record.text, self._stem))
                if number is not None and vector is not None:
                    meaning.add(connection, number, vector)

        await self._write(carry_out)

    async def recall(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> Sequence[FoundMemory]:
        vector, no_meaning = await self._query_vector(query)

        def look(connection: Database) -> Sequence[FoundMemory]:
            self._check_space(connection)
            most = countable(limit)
            question = Question(memory_terms(query, self._stem), vector, most, wanted, self._nearby, self._is_checked)
            found, failed = search(connection, owner, question)
            return with_failed([record.found() for record in found], (*no_meaning, *failed))

        return await self._read(look)

    async def read(self, selection: OwnerSelection, limit: int, cursor: str | None = None) -> MemoryPage:
        most = countable(limit)
        read = partial(reading.read, is_checked=self._is_checked)
        return await self._read(lambda connection: read(connection, selection, most, cursor))

    async def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None = None) -> int:
        ids = None if memory_ids is None else tuple(memory_ids)

        def remove(connection: Database) -> int:
            gone = writing.forget(connection, selection, ids)
            self._log.empty()
            return gone

        return await self._write(remove)

    def unchecked(self) -> SqliteMemory:
        """The same memories, also those that are not what was written, as they are now. It is closed with this one."""
        view = copy(self)
        view._is_checked = False
        return view

    async def reindex(self) -> int:
        """Make terms and vectors of all memories anew, with the embedder of this object; how many there are.

        What was written with another embedder is brought over. Where it breaks off, memories are found by their words
        until it is done again.

        Raises:
            StoreError: the file could not be read or written.
            ProviderError: the embedder failed.
        """
        space = self._space = await space_of(self._embedder)

        def begin(connection: Database) -> int:
            if meaning.stored_space(connection) != space:
                connection.execute("DELETE FROM vectors")
                meaning.store_space(connection, space)
            meaning.remove_damaged(connection, space)
            return writing.index_anew(connection, lambda text: memory_terms(text, self._stem))

        count = await self._write(begin)
        if self._embedder is not None:
            await self._add_vectors(self._embedder, space)
        return count

    async def _add_vectors(self, embedder: Embedder, space: Space) -> None:
        after = 0
        while True:
            rows = await self._read(partial(meaning.without_vectors, after=after, limit=_AT_ONCE))
            if not rows:
                return
            after = rows[-1][0]
            texts = [text.decode("utf-8", "surrogatepass") for _, text in rows]
            vectors = await embedded(embedder, texts, "document", space)
            numbered = [(number, vector) for (number, _), vector in zip(rows, vectors, strict=True)]
            await self._write(partial(meaning.add_all, vectors=numbered))

    async def aclose(self) -> None:
        await self._writer.aclose()
        await self._reader.aclose()
        if self._embedder is not None:
            await self._embedder.aclose()

    async def _vectors(self, texts: Sequence[str]) -> Sequence[Vector | None]:
        """The vectors of texts to write; None without a working embedder."""
        if self._embedder is None:
            return [None] * len(texts)
        if self._space is None:
            try:
                self._space = await space_of(self._embedder, TEXT_SECONDS)
            except ConfigurationError:
                raise
            except EMBEDDER_FAILURES as exc:
                warn_of(exc, "document", str(self.path))
                return [None] * len(texts)
        return await embedded_if_it_works(self._embedder, texts, self._space, str(self.path))

    async def _query_vector(self, query: str) -> tuple[Vector | None, tuple[FailedPart, ...]]:
        """The vector of a query, and what fails where nothing makes one now."""
        if self._embedder is None:
            return None, ()
        if self._space is None:
            try:
                self._space = await space_of(self._embedder, QUERY_SECONDS)
            except ConfigurationError:
                raise
            except EMBEDDER_FAILURES as exc:
                return None, without_meaning(exc, str(self.path))
        return await query_vector(self._embedder, query, self._space, str(self.path))

    def _check_space(self, connection: Database, *, is_writing: bool = False) -> None:
        """Refuse vectors of another embedder than that of the file; another process may have changed it."""
        kept = meaning.stored_space(connection)
        space = self._space or Space(self._embedder.name if self._embedder else "")
        if kept is not None:
            space.check_against(kept, str(self.path))
        if is_writing and self._space is not None and kept != self._space:
            meaning.store_space(connection, self._space)

    async def _write(self, work: Callable[[Database], T]) -> T:
        return await self._writer.run(_alone(self.path, work))

    async def _read(self, work: Callable[[Database], T]) -> T:
        return await self._reader.run(_snapshot(self.path, work))


@contextmanager
def _writes(path: Path, log: LogKeeper, connection: Database) -> Generator[None, None, None]:
    """One transaction for all that is written together."""
    with translate_errors(path, StoreError), transaction(connection):
        connection.check_in_place()
        yield
        connection.check_in_place()
    log.tend(connection)


def _alone(path: Path, work: Callable[[Database], T]) -> Callable[[Database], T]:
    """The work of one caller among those that are written together: what it fails at, it leaves nothing of."""

    def carry_out(connection: Database) -> T:
        with translate_errors(path, StoreError), savepoint(connection):
            return work(connection)

    return carry_out


def _snapshot(path: Path, work: Callable[[Database], T]) -> Callable[[Database], T]:
    """The work of one reader, as of one moment."""

    def carry_out(connection: Database) -> T:
        with translate_errors(path, StoreError), snapshot(connection):
            connection.check_in_place()
            return work(connection)

    return carry_out
