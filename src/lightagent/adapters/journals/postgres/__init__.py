"""A journal store in a PostgreSQL database, for any number of processes on any number of machines.

Read in this order: `lightagent.adapters._postgres` (connections, trying again, and what can go wrong, as typed errors),
`tables`, `writing` (appends and leases), `reading`, `forgetting`, `watching` (why a reader looks again and is not
called). psycopg is imported at the first use.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from lightagent.adapters._postgres.address import Address
from lightagent.adapters._postgres.limits import Limits
from lightagent.adapters.journals.postgres import reading
from lightagent.adapters.journals.postgres.forgetting import Forgetting
from lightagent.adapters.journals.postgres.rows import digest_of, encoded
from lightagent.adapters.journals.postgres.writing import Append, Leasing
from lightagent.adapters.registry import Adapter, install_command
from lightagent.domain.errors import ConfigurationError, MissingExtraError
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

if TYPE_CHECKING:
    from lightagent.adapters.journals.postgres.database import JournalDatabase

_REQUIRES: Final = ("psycopg",)
_EXTRA: Final = "postgres"


class PostgresJournalStore(JournalStore):
    """Keeps streams in tables of a schema of their own, which are made at the first use.

    Args:
        url: ``postgresql://user:password@host:5432/database``; see `Address`.
        schema_name: the schema in which the tables are; two stores of one database have different ones.
        connections: the most that one event loop opens.
        connection_timeout: seconds to wait for a connection, and to go on trying after one was lost.
        statement_timeout: seconds after which the server gives a statement up.
        prepared_statements: whether the server keeps statements from one use to the next. False behind a transaction
            pooler such as PgBouncer; `statement_timeout` is then a matter of the pooler or the role.
    """

    def __init__(
        self,
        url: str,
        *,
        schema_name: str = "lightagent",
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
        self._lock = threading.Lock()
        self._opened: JournalDatabase | None = None

    def __repr__(self) -> str:
        return f"PostgresJournalStore({str(self.address)!r}, schema_name={self.schema_name!r})"

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
        return await self.database().run(Append(key, drafts, expected, at, labels, token, seal, replacing))

    async def read(self, key: StreamKey, after: int = 0, limit: int = 1000, wait: float = 0.0) -> Slice:
        check_reading(after, limit)
        database = self.database()
        look = partial(reading.read, key=key, after=after, limit=limit)
        clock = asyncio.get_running_loop().time
        deadline = clock() + wait
        while not (found := await database.run(look)).entries and (left := deadline - clock()) > 0:
            await database.wait(digest_of(key), max(found.stream.head, after), left)
        return found

    async def list(self, query: StreamQuery) -> StreamPage:
        check_query(query)
        return await self.database().run(partial(reading.list_streams, query=query))

    async def lease(self, key: StreamKey, holder: str, seconds: float, token: int | None = None) -> Lease:
        check_numbers(token=token)
        return await self.database().run(Leasing(key, holder, seconds, token))

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
        return await self.database().run(Forgetting(what, before, expected, seal, replacing))

    async def aclose(self) -> None:
        if self._opened is not None:
            await self._opened.aclose()

    def database(self) -> JournalDatabase:
        """Where work on the tables is carried out; nothing is connected before the first.

        Raises:
            MissingExtraError: psycopg is not installed.
        """
        with self._lock:
            if self._opened is None:
                try:
                    from lightagent.adapters.journals.postgres.database import JournalDatabase
                except ModuleNotFoundError as exc:
                    if exc.name not in _REQUIRES:
                        raise
                    raise MissingExtraError(
                        f"PostgreSQL needs the package {exc.name!r}, which is not installed.",
                        guidance=f"Type: {install_command(_EXTRA, 'psycopg[binary]')}",
                    ) from None
                self._opened = JournalDatabase(self.address, self.schema_name, self.limits)
            return self._opened


class PostgresOptions(BaseModel):
    """Options of the kind `postgres`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    url: SecretStr = Field(
        description="postgresql://user:password@host:5432/database; what is left out comes from PGPASSWORD and the like"
    )
    schema_name: str = Field(
        default="lightagent", description="the schema of the tables, which is made at the first use"
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


def _open(options: PostgresOptions) -> PostgresJournalStore:
    return PostgresJournalStore(
        options.url.get_secret_value(),
        schema_name=options.schema_name,
        connections=options.connections,
        connection_timeout=options.connection_timeout,
        statement_timeout=options.statement_timeout,
        prepared_statements=options.prepared_statements,
    )


ADAPTER = Adapter(PostgresOptions, _open, requires=_REQUIRES, extra=_EXTRA)
