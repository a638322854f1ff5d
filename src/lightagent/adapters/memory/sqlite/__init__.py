"""Memories in one SQLite file: the embedded default, for any number of processes of one machine.

One thread of the store writes, and takes what waits into one transaction; another reads. The write-ahead log is synced
at every commit, so that what was acknowledged survives a crash of the machine too.

Read in this order: `tables`, `rows`, `facts` (when a memory ends), `writing`, `conditions` (what a search looks at),
`searching` (by words), `meaning` (by vectors), `fusing` (both), `reading`, `store`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from lightagent.adapters._endpoints.credentials import shown_options
from lightagent.adapters._sqlite.connection import Synchronous
from lightagent.adapters.memory._space import open_embedder
from lightagent.adapters.memory.sqlite.store import SqliteMemory
from lightagent.adapters.registry import Adapter
from lightagent.domain.json_types import JsonObject

__all__ = ["ADAPTER", "SqliteMemory", "SqliteOptions"]


class SqliteOptions(BaseModel):
    """Options of the kind `sqlite`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", hide_input_in_errors=True)

    path: str = Field(description="the database file; it is made at the first use")
    embedder: JsonObject | None = Field(
        default=None, description="the kind of an embedder with its options; without one, words alone are looked for"
    )
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

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        """Without the secrets of the embedder."""
        yield from shown_options(self)


def _open(options: SqliteOptions) -> SqliteMemory:
    return SqliteMemory(
        options.path,
        embedder=None if options.embedder is None else open_embedder(options.embedder, "memory.embedder"),
        synchronous=options.synchronous,
        busy_timeout=options.busy_timeout,
        nearby=options.nearby,
    )


ADAPTER = Adapter(SqliteOptions, _open)
