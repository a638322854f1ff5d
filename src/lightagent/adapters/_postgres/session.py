"""A connection in use, and the one place where a statement becomes bytes.

Values are always parameters of a statement. The only name that varies in one is that of the schema, which is quoted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, LiteralString

if TYPE_CHECKING:
    from psycopg import AsyncConnection
    from psycopg.rows import TupleRow

NOW: Final = "extract(epoch FROM clock_timestamp())::float8"
"""The time by which leases end: the server's. Unlike `now()` it does not stand still in a transaction."""


@dataclass(frozen=True, slots=True)
class Session:
    """A connection, and the schema in which the tables are. Each statement is a transaction of its own, unless within
    `connection.transaction()`.
    """

    connection: AsyncConnection[TupleRow]
    schema: str

    async def rows(self, statement: LiteralString, values: Mapping[str, object]) -> list[tuple[object, ...]]:
        """All rows that a statement returns; ``{schema}`` and ``{tokens}`` in it stand for names of ours."""
        cursor = await self.connection.execute(_bound(statement, self.schema), values, binary=True)
        return [*await cursor.fetchall()]

    async def row(self, statement: LiteralString, values: Mapping[str, object]) -> tuple[object, ...] | None:
        """The first row, if there is one."""
        return next(iter(await self.rows(statement, values)), None)

    async def execute(self, statement: LiteralString, values: Mapping[str, object] | None = None) -> None:
        """Carry out a statement that returns no rows."""
        await self.connection.execute(_bound(statement, self.schema), values)


@lru_cache(maxsize=256)
def _bound(statement: LiteralString, schema: str) -> bytes:
    from psycopg import sql

    tokens = sql.Literal(sql.Identifier(schema, "lease_tokens").as_string())
    return sql.SQL(statement).format(schema=sql.Identifier(schema), tokens=tokens).as_bytes()
