"""Memories as a graph in a Neo4j database: what was said, what it is about, and how that hangs together.

Read in this order: `schema` (labels, constraints, indexes), `encoding` (how records are written into it), `conditions`
(what a search looks at), `entities` (what a memory is about), `facts` (when one ends), `writing`, `searching`,
`reading`, `database` (transactions and trying again), `faults`. The driver is imported at the first use.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from lightagent.adapters.memory._space import open_embedder
from lightagent.adapters.memory.neo4j.address import Address, Limits
from lightagent.adapters.registry import Adapter, install_command
from lightagent.domain.errors import ConfigurationError, MissingExtraError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import FoundMemory, MemoryOwner, MemoryRecord
from lightagent.ports.embedding import Embedder
from lightagent.ports.memory import ALL_FEATURES, MemoryFeature, MemoryPage, MemoryStore, OwnerSelection, ReindexedStore

if TYPE_CHECKING:
    from lightagent.adapters.memory.neo4j.graph import Graph

_REQUIRES: Final = ("neo4j",)
_EXTRA: Final = "neo4j"
_LONGEST_NAME: Final = 200


class Neo4jMemory(MemoryStore, ReindexedStore):
    """Keeps memories in a Neo4j database, and finds them by words, by vectors, and by what they are about.

    Args:
        url: ``neo4j://host:7687``, or ``neo4j+s://…`` over TLS; see `Address`.
        user, password: None: the server asks for none.
        database: of the server; None: its default.
        collection: keeps stores apart that share a database.
        embedder: makes vectors of the memories; without one they are found by words and entities alone.
        nearby: how much it counts that a memory was written just before or after one that fits, in the same
            conversation, from 0 (not at all) to 1.
        connections: the most that one event loop opens.
        connection_timeout: seconds to wait for a connection, and to go on trying after one was lost.
        statement_timeout: seconds after which the server gives a transaction up. One that does not answer is given up
            after this and twice `connection_timeout`.

    Raises:
        ConfigurationError: the URL cannot be read, the collection has no name, or a number is out of its bounds.
    """

    def __init__(
        self,
        url: str,
        *,
        user: str | None = None,
        password: str | None = None,
        database: str | None = None,
        collection: str = "lightagent",
        embedder: Embedder | None = None,
        nearby: float = 1.0,
        connections: int = 10,
        connection_timeout: float = 10.0,
        statement_timeout: float = 30.0,
    ) -> None:
        if not collection or len(collection) > _LONGEST_NAME or not collection.isprintable():
            raise ConfigurationError(f"collection is a name of 1 to {_LONGEST_NAME} characters.", guidance="")
        if not 0 <= nearby <= 1:
            raise ConfigurationError("nearby is a number from 0 to 1.", guidance="")
        self.address: Address = Address(url, user, password, database)
        self.collection = collection
        self._limits = Limits(connections, connection_timeout, statement_timeout)
        self._embedder = embedder
        self._nearby = nearby
        self._lock = threading.Lock()
        self._opened: Graph | None = None

    def __repr__(self) -> str:
        return f"Neo4jMemory({str(self.address)!r}, collection={self.collection!r})"

    @property
    def name(self) -> str:
        return "neo4j"

    @property
    def supports(self) -> frozenset[MemoryFeature]:
        return ALL_FEATURES

    async def write(self, records: Sequence[MemoryRecord]) -> None:
        if records:
            await self._graph().write(records)

    async def recall(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> Sequence[FoundMemory]:
        return await self._graph().recall(owner, query, limit, wanted) if limit > 0 else []

    async def read(self, selection: OwnerSelection, limit: int, cursor: str | None = None) -> MemoryPage:
        return await self._graph().read(selection, limit, cursor)

    async def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None = None) -> int:
        return await self._graph().forget(selection, memory_ids)

    async def reindex(self) -> int:
        return await self._graph().reindex()

    async def aclose(self) -> None:
        if self._opened is not None:
            await self._opened.aclose()

    def _graph(self) -> Graph:
        with self._lock:
            if self._opened is None:
                try:
                    from lightagent.adapters.memory.neo4j.graph import Graph
                except ModuleNotFoundError as exc:
                    if exc.name not in _REQUIRES:
                        raise
                    raise MissingExtraError(
                        f"Neo4j needs the package {exc.name!r}, which is not installed.",
                        guidance=f"Type: {install_command(_EXTRA, 'neo4j')}",
                    ) from None
                self._opened = Graph(self.address, self._limits, self.collection, self._embedder, self._nearby)
            return self._opened


class Neo4jOptions(BaseModel):
    """Options of the kind `neo4j`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    url: str = Field(description="neo4j://host:7687, or neo4j+s://host:7687 over TLS")
    user: str | None = Field(default=None, description="who logs in; left out where the server needs no login")
    password: SecretStr | None = Field(default=None, description="the user's password")
    database: str | None = Field(default=None, description="of the server; left out: its default")
    collection: str = Field(default="lightagent", description="keeps stores apart that share a database")
    embedder: JsonObject | None = Field(
        default=None,
        description="the kind of an embedder with its options; without one, words and entities alone are looked for",
    )
    nearby: float = Field(
        default=1.0, ge=0, le=1, description="how much a memory that fits speaks for those written just beside it"
    )
    connections: int = Field(default=10, ge=1, description="the most connections of one event loop")
    connection_timeout: float = Field(
        default=10.0, gt=0, description="seconds to wait for a connection, and to go on trying after one was lost"
    )
    statement_timeout: float = Field(default=30.0, gt=0, description="seconds after which a transaction is given up")


def _open(options: Neo4jOptions) -> Neo4jMemory:
    return Neo4jMemory(
        options.url,
        user=options.user,
        password=options.password.get_secret_value() if options.password is not None else None,
        database=options.database,
        collection=options.collection,
        embedder=None if options.embedder is None else open_embedder(options.embedder, "memory.embedder"),
        nearby=options.nearby,
        connections=options.connections,
        connection_timeout=options.connection_timeout,
        statement_timeout=options.statement_timeout,
    )


ADAPTER = Adapter(Neo4jOptions, _open, requires=_REQUIRES, extra=_EXTRA)
