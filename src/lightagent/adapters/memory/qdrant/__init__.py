"""A memory in Qdrant: a server, or a folder of this process.

Read in this order: `points` (records as points), `conditions` (what is looked for), `engine` (who carries it out),
`collection_calls` and `calls` (with qdrant-client: `server`, and its local mode in `local`), `edge_folder`,
`edge_calls` and `edge` (the engine of the server in this process), `opening` (which of them), `facts` (when one ends),
`searching` (by one half or both). `store` is the memory. Neither library is imported before the first use.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from lightagent.adapters._endpoints.credentials import shown_options
from lightagent.adapters.memory._space import open_embedder
from lightagent.adapters.memory.qdrant.opening import EXTRA, Embedded
from lightagent.adapters.memory.qdrant.store import QdrantMemory
from lightagent.adapters.registry import Adapter
from lightagent.domain.json_types import JsonObject

__all__ = ["ADAPTER", "QdrantMemory", "QdrantOptions"]


class QdrantOptions(BaseModel):
    """Options of the kind `qdrant`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", hide_input_in_errors=True)

    url: str | None = Field(default=None, description="of a server, such as http://localhost:6333")
    path: str | None = Field(
        default=None, description="instead of a server, a folder for this process alone, or :memory:"
    )
    collection: str = Field(default="lightagent_memory", description="the collection, which is made at the first use")
    embedder: JsonObject | None = Field(
        default=None, description="the kind of an embedder with its options; without one, words alone are looked for"
    )
    api_key: SecretStr = Field(default=SecretStr(""), description="of the server")
    engine: Embedded = Field(
        default="local",
        description="what serves a folder: the local mode of qdrant-client, or edge, the engine of the server",
    )
    timeout: float = Field(default=10.0, gt=0, description="seconds that an answer of the server may take")

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        """Without the secrets of the embedder."""
        yield from shown_options(self)


def _open(options: QdrantOptions) -> QdrantMemory:
    return QdrantMemory(
        options.url,
        path=options.path,
        collection=options.collection,
        embedder=None if options.embedder is None else open_embedder(options.embedder, "memory.embedder"),
        api_key=options.api_key.get_secret_value(),
        engine=options.engine,
        timeout=options.timeout,
    )


ADAPTER = Adapter(QdrantOptions, _open, requires=("qdrant_client",), extra=EXTRA)
