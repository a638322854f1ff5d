"""The memory in PostgreSQL, as its port has it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from lightagent.adapters._postgres.address import Address
from lightagent.adapters._postgres.limits import Limits
from lightagent.adapters.memory._limits import countable
from lightagent.adapters.memory._marks import encoded
from lightagent.adapters.memory._space import Space, embedded, embedded_if_it_works, query_vector, space_of
from lightagent.adapters.memory._terms import batches, document_terms, query_terms
from lightagent.adapters.registry import install_command
from lightagent.domain.errors import ConfigurationError, MissingExtraError, StoreError
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import FoundMemory, MemoryOwner, MemoryRecord
from lightagent.domain.text.vectors import Vector
from lightagent.ports.embedding import Embedder
from lightagent.ports.memory import ALL_FEATURES, MemoryFeature, MemoryPage, MemoryStore, OwnerSelection, with_failed

if TYPE_CHECKING:
    from lightagent.adapters._postgres.database import Database

REQUIRES: Final = ("psycopg",)
EXTRA: Final = "postgres"
_MOST_RECORDS: Final = 250
_MOST_CHARACTERS: Final = 4_000_000
"""Records, and characters of them, that one statement writes."""


class PostgresMemory(MemoryStore):
    """Keeps memories in tables of a schema of their own, which are made at the first use.

    They are found by their words (BM25 over our own terms, with the statistics of their owner alone), and with an
    embedder also by its vectors, which pgvector compares.

    Args:
        url: ``postgresql://user:password@host:5432/database``; see `Address`.
        schema_name: the schema in which the tables are; two memories of one database have different ones.
        embedder: makes the vectors; None: memories are found by their words alone. It is closed with this object.
        connections: the most that one event loop opens.
        connection_timeout: seconds to wait for a connection, and to go on trying after one was lost.
        statement_timeout: seconds after which the server gives a statement up.
        prepared_statements: whether the server keeps statements from one use to the next. False behind a transaction
            pooler such as PgBouncer; `statement_timeout` is then a matter of the pooler or the role.

    Raises:
        ConfigurationError: the URL or the name cannot be used, or a limit is not above 0.
    """

    def __init__(
        self,
        url: str,
        *,
        schema_name: str = "lightagent_memory",
        embedder: Embedder | None = None,
        connections: int = 10,
        connection_timeout: float = 10.0,
        statement_timeout: float = 30.0,
        prepared_statements: bool = True,
    ) -> None:
        if not schema_name or "\0" in schema_name or len(encoded(schema_name)) > 63:
            raise ConfigurationError("schema_name is a name of 1 to 63 bytes.", guidance="")
        self.address: Address = Address(url)
        self.schema_name = schema_name
        self.limits: Limits = Limits(connections, connection_timeout, statement_timeout, prepared_statements)
        self._embedder = embedder
        self._space: Space | None = None
        self._lock = threading.Lock()
        self._opened: Database | None = None

    def __repr__(self) -> str:
        return f"PostgresMemory({str(self.address)!r}, schema_name={self.schema_name!r})"

    @property
    def name(self) -> str:
        return "postgres"

    @property
    def supports(self) -> frozenset[MemoryFeature]:
        return ALL_FEATURES

    async def write(self, records: Sequence[MemoryRecord]) -> None:
        for batch in batches(records, _MOST_RECORDS, _MOST_CHARACTERS):
            await self._write(batch)

    async def _write(self, records: Sequence[MemoryRecord]) -> None:
        from lightagent.adapters.memory.postgres.writing import Prepared, Write

        database, space = await self._ready()
        texts = [record.text for record in records]
        terms = await document_terms(texts)
        vectors = await embedded_if_it_works(self._embedder, texts, space, repr(self))
        prepared = [Prepared(*one) for one in zip(records, terms, vectors, strict=True)]
        await database.run(Write(prepared, space))

    async def recall(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> Sequence[FoundMemory]:
        if (limit := countable(limit)) == 0 or not query.strip():
            return []
        from lightagent.adapters.memory.postgres.searching import Search

        database, space = await self._ready()
        terms = await query_terms(query)
        vector, no_meaning = await query_vector(self._embedder, query, space, repr(self))
        found, failed = await database.run(Search(owner, terms, vector, limit, wanted, space))
        return with_failed([record.found() for record in found], (*no_meaning, *failed))

    async def read(self, selection: OwnerSelection, limit: int, cursor: str | None = None) -> MemoryPage:
        from lightagent.adapters.memory.postgres.searching import Read

        after = "0" if cursor is None else cursor
        if not (after.isdecimal() and after.isascii() and len(after) < 19):
            raise StoreError("The cursor is not one of this store's.", guidance="Pass the cursor of the page before.")
        if (limit := countable(limit)) == 0:
            return MemoryPage(())
        database, _ = await self._ready()
        return await database.run(Read(selection, limit, int(after)))

    async def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None = None) -> int:
        from lightagent.adapters.memory.postgres.writing import Forget

        database, space = await self._ready()
        return await database.run(Forget(selection, memory_ids, space))

    async def reindex(self) -> int:
        """Make terms and vectors of all memories anew, with the embedder of this object; how many there are.

        What was written with another embedder is brought over; who still has the store open with that one is refused
        from then on. Where it breaks off, memories are found by their words until it is done again.

        Raises:
            StoreError: they could not be read or written.
            ProviderError: the embedder failed.
        """
        from lightagent.adapters.memory.postgres.indexing import Index, Next, count_anew
        from lightagent.adapters.memory.postgres.writing import Prepared

        space = self._space = await space_of(self._embedder)
        database = _database(self.address, self.schema_name, self.limits, space, brings_over=True)
        count, after = 0, 0
        try:
            while page := await database.run(Next(after, _MOST_RECORDS)):
                texts = [record.text for _, record in page]
                terms = await document_terms(texts)
                vectors: Sequence[Vector | None] = [None] * len(texts)
                if self._embedder is not None:
                    vectors = await embedded(self._embedder, texts, "document", space)
                parts = zip(page, terms, vectors, strict=True)
                renewed = [(number, Prepared(record, found, vector)) for (number, record), found, vector in parts]
                await database.run(Index(renewed, space))
                count, after = count + len(page), page[-1][0]
            await database.run(count_anew)
        finally:
            await database.aclose()
        return count

    async def aclose(self) -> None:
        if self._opened is not None:
            await self._opened.aclose()
        if self._embedder is not None:
            await self._embedder.aclose()

    async def _ready(self) -> tuple[Database, Space]:
        """Where work on the tables is carried out; nothing is connected before the first.

        Raises:
            MissingExtraError: psycopg is not installed.
        """
        if self._space is None:
            self._space = await space_of(self._embedder)
        with self._lock:
            if self._opened is None:
                self._opened = _database(self.address, self.schema_name, self.limits, self._space)
            return self._opened, self._space


def _database(
    address: Address, schema_name: str, limits: Limits, space: Space, *, brings_over: bool = False
) -> Database:
    try:
        from lightagent.adapters._postgres.database import Database
        from lightagent.adapters.memory.postgres.tables import Preparation
    except ModuleNotFoundError as exc:
        if exc.name not in REQUIRES:
            raise
        raise MissingExtraError(
            f"PostgreSQL needs the package {exc.name!r}, which is not installed.",
            guidance=f"Type: {install_command(EXTRA, 'psycopg[binary]')}",
        ) from None
    return Database(address, schema_name, limits, Preparation(space, brings_over))
