"""A memory in a PostgreSQL database, for any number of processes on any number of machines.

Read in this order: `lightagent.adapters._postgres` (connections, and trying again), `tables`, `rows`, `writing`,
`searching`. psycopg is imported at the first use.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from lightagent.adapters._endpoints.credentials import shown_options
from lightagent.adapters._postgres.address import Address
from lightagent.adapters._postgres.limits import Limits
from lightagent.adapters.memory._marks import encoded
from lightagent.adapters.memory._space import Space, embedded_if_it_works, open_embedder, space_of
from lightagent.adapters.memory._terms import batches, document_terms, query_terms
from lightagent.adapters.registry import Adapter, install_command
from lightagent.domain.errors import ConfigurationError, MissingExtraError, StoreError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory_records import FoundMemory, MemoryOwner, MemoryRecord
from lightagent.domain.recall_filter import RecallFilter
from lightagent.ports.embedding import Embedder
from lightagent.ports.memory import ALL_FEATURES, MemoryFeature, MemoryPage, MemoryStore, OwnerSelection

if TYPE_CHECKING:
    from lightagent.adapters._postgres.database import Database

_REQUIRES: Final = ("psycopg",)
_EXTRA: Final = "postgres"
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
        self.address = Address(url)
        self.schema_name = schema_name
        self.limits = Limits(connections, connection_timeout, statement_timeout, prepared_statements)
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
        # The first of those with one id counts, in one call as in two.
        new: dict[tuple[MemoryOwner, str], MemoryRecord] = {}
        for record in records:
            new.setdefault((record.owner, record.memory_id), record)
        for batch in batches(list(new.values()), _MOST_RECORDS, _MOST_CHARACTERS):
            await self._write(batch)

    async def _write(self, records: Sequence[MemoryRecord]) -> None:
        from lightagent.adapters.memory.postgres.writing import Prepared, Write

        database, space = await self._ready()
        texts = [record.text for record in records]
        terms = await document_terms(texts)
        vectors = await embedded_if_it_works(self._embedder, texts, "document", space, repr(self))
        prepared = [Prepared(*one) for one in zip(records, terms, vectors, strict=True)]
        await database.run(Write(prepared, space))

    async def recall(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> Sequence[FoundMemory]:
        if limit < 1 or not query.strip():
            return []
        from lightagent.adapters.memory.postgres.searching import Search

        database, space = await self._ready()
        terms = await query_terms(query)
        (vector,) = await embedded_if_it_works(self._embedder, [query], "query", space, repr(self))
        found = await database.run(Search(owner, terms, vector, limit, wanted))
        return [record.found() for record in found]

    async def read(self, selection: OwnerSelection, limit: int, cursor: str | None = None) -> MemoryPage:
        from lightagent.adapters.memory.postgres.searching import Read

        after = "0" if cursor is None else cursor
        if not (after.isdecimal() and after.isascii() and len(after) < 19):
            raise StoreError("The cursor is not one of this store's.", guidance="Pass the cursor of the page before.")
        database, _ = await self._ready()
        return await database.run(Read(selection, limit, int(after)))

    async def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None = None) -> int:
        from lightagent.adapters.memory.postgres.writing import Forget

        database, space = await self._ready()
        return await database.run(Forget(selection, memory_ids, space))

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


def _database(address: Address, schema_name: str, limits: Limits, space: Space) -> Database:
    try:
        from lightagent.adapters._postgres.database import Database
        from lightagent.adapters.memory.postgres.tables import Preparation
    except ModuleNotFoundError as exc:
        if exc.name not in _REQUIRES:
            raise
        raise MissingExtraError(
            f"PostgreSQL needs the package {exc.name!r}, which is not installed.",
            guidance=f"Type: {install_command(_EXTRA, 'psycopg[binary]')}",
        ) from None
    return Database(address, schema_name, limits, Preparation(space))


class PostgresOptions(BaseModel):
    """Options of the kind `postgres`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    url: SecretStr = Field(
        description="postgresql://user:password@host:5432/database; what is left out comes from PGPASSWORD and the like"
    )
    schema_name: str = Field(
        default="lightagent_memory", description="the schema of the tables, which is made at the first use"
    )
    embedder: JsonObject | None = Field(
        default=None, description="the kind of an embedder with its options; without one, words alone are looked for"
    )
    connections: int = Field(default=10, ge=1, description="the most connections of one event loop")
    connection_timeout: float = Field(
        default=10.0, gt=0, description="seconds to wait for a connection, and to go on trying after one was lost"
    )
    statement_timeout: float = Field(default=30.0, gt=0, description="seconds after which a statement is given up")
    prepared_statements: bool = Field(
        default=True,
        description="false behind a transaction pooler such as PgBouncer; then statement_timeout is its own",
    )

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        """Without the secrets of the embedder."""
        yield from shown_options(self)


def _open(options: PostgresOptions) -> PostgresMemory:
    return PostgresMemory(
        options.url.get_secret_value(),
        schema_name=options.schema_name,
        embedder=None if options.embedder is None else open_embedder(options.embedder, "memory.embedder"),
        connections=options.connections,
        connection_timeout=options.connection_timeout,
        statement_timeout=options.statement_timeout,
        prepared_statements=options.prepared_statements,
    )


ADAPTER = Adapter(PostgresOptions, _open, requires=_REQUIRES, extra=_EXTRA)
