"""The collection of a memory, by qdrant-client: made, looked at, and brought over to another embedder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import UnexpectedResponse

from lightagent.adapters.memory._space import Space
from lightagent.adapters.memory.qdrant.points import (
    FORMAT,
    KEYWORDS,
    NUMBERS,
    TENANTS,
    TERMS,
    WRITTEN,
    vector_name,
)
from lightagent.domain.errors import StoreError

_MADE_BY: Final = "lightagent_memory"
"""The key in the metadata of a collection under which it is known what is in it."""


async def prepare(client: AsyncQdrantClient, collection: str, space: Space, *, indexed: bool = True) -> None:
    """Make the collection, or see whether it is one that vectors of this space may be kept in.

    Args:
        indexed: whether payloads are indexed.

    Raises:
        StoreError: it is not one of a memory.
        ConfigurationError: another embedder made its vectors.
    """
    if not await client.collection_exists(collection):
        try:
            await _create(client, collection, space)
        except (UnexpectedResponse, ValueError):
            if not await client.collection_exists(collection):
                raise
            # Another process was faster; its collection is looked at like any other.
    found = await check(client, collection, space)
    if indexed:
        await _index(client, collection, set(found.payload_schema))


async def check(client: AsyncQdrantClient, collection: str, space: Space) -> models.CollectionInfo:
    """What the server says of the collection, in which vectors of this space are kept; it raises as `prepare` does."""
    found = await client.get_collection(collection)
    space.check_against(_stored_space(found, collection), f"The Qdrant collection {collection!r}")
    return found


async def bring_over(client: AsyncQdrantClient, collection: str, space: Space, *, indexed: bool = True) -> None:
    """Make room for vectors of this space, and remove those of another.

    It is written down last: where it breaks off before, the collection is still the other embedder's.

    Raises:
        StoreError: it is not a collection of a memory.
    """
    if not await client.collection_exists(collection):
        return await prepare(client, collection, space, indexed=indexed)
    found = await client.get_collection(collection)
    if _stored_space(found, collection) == space:
        return None
    vectors = found.config.params.vectors
    name, there = vector_name(space), [*vectors] if isinstance(vectors, Mapping) else []
    for other in there:
        if other != name:
            await client.delete_vector_name(collection, other, wait=True)
    if space.embedder and name not in there:
        dense = models.DenseVectorConfig(size=space.dimension, distance=models.Distance.DOT)
        config = models.DenseVectorNameConfig(dense=dense)
        await client.create_vector_name(collection, name, config, wait=True)
    await client.update_collection(collection, metadata=_space_metadata(space))
    return None


def _space_metadata(space: Space) -> dict[str, object]:
    return {_MADE_BY: {"version": FORMAT, "embedder": space.embedder, "dimension": space.dimension}}


async def _create(client: AsyncQdrantClient, collection: str, space: Space) -> None:
    params = models.VectorParams(size=space.dimension, distance=models.Distance.DOT)
    dense = {vector_name(space): params} if space.embedder else {}
    await client.create_collection(
        collection,
        vectors_config=dense,
        sparse_vectors_config={TERMS: models.SparseVectorParams(modifier=models.Modifier.IDF)},
        # No neighbours are linked but those of one owner.
        hnsw_config=models.HnswConfigDiff(m=0, payload_m=16),
        on_disk_payload=True,
        metadata=_space_metadata(space),
    )


def _stored_space(found: models.CollectionInfo, collection: str) -> Space:
    told: object = (found.config.metadata or {}).get(_MADE_BY)
    match told:
        case {"version": int(version), "embedder": str(embedder), "dimension": int(dimension)} if version == FORMAT:
            return Space(embedder, dimension)
        case _:
            raise StoreError(
                f"The Qdrant collection {collection!r} is not one that this release made for memories.",
                guidance="Name another collection; it is made at the first use. A server must be Qdrant 1.16 or later.",
            )


async def _index(client: AsyncQdrantClient, collection: str, there: set[str]) -> None:
    schemas: dict[str, models.PayloadSchemaType | models.PayloadSchemaParams] = {
        field: models.KeywordIndexParams(
            type=models.KeywordIndexType.KEYWORD,
            is_tenant=field in TENANTS,
            enable_hnsw=field == "owner",
        )
        for field in KEYWORDS
    }
    schemas |= dict.fromkeys(NUMBERS, models.PayloadSchemaType.FLOAT)
    schemas[WRITTEN] = models.PayloadSchemaType.INTEGER
    for field, schema in schemas.items():
        if field not in there:
            await client.create_payload_index(collection, field, schema, wait=True)
