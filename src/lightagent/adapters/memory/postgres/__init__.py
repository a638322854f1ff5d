"""A memory in a PostgreSQL database, for any number of processes on any number of machines.

Read in this order: `lightagent.adapters._postgres` (connections, and trying again), `tables`, `rows`, `facts` (when a
record ends), `writing`, `searching`, `indexing` (anew), `store`. psycopg is imported at the first use.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from lightagent.adapters._endpoints.credentials import shown_options
from lightagent.adapters.memory._space import open_embedder
from lightagent.adapters.memory.postgres.store import EXTRA, REQUIRES, PostgresMemory
from lightagent.adapters.registry import Adapter
from lightagent.domain.json_types import JsonObject

__all__ = ["ADAPTER", "PostgresMemory", "PostgresOptions"]


class PostgresOptions(BaseModel):
    """Options of the kind `postgres`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", hide_input_in_errors=True)

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


ADAPTER = Adapter(PostgresOptions, _open, requires=REQUIRES, extra=EXTRA)
