"""What the store does with its graph: records become nodes, queries become searches."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from lightagent.adapters.memory._limits import countable
from lightagent.adapters.memory._space import Space, embedded, embedded_if_it_works, query_vector, space_of
from lightagent.adapters.memory._terms import batches, query_terms
from lightagent.adapters.memory.neo4j.address import Address, Limits
from lightagent.adapters.memory.neo4j.conditions import conditions
from lightagent.adapters.memory.neo4j.database import Database
from lightagent.adapters.memory.neo4j.encoding import (
    digest,
    escaped,
    memory_key,
    owner_key,
    owner_properties,
    properties,
)
from lightagent.adapters.memory.neo4j.entities import entities_of, entity_terms, named_in_query, relations_of
from lightagent.adapters.memory.neo4j.faults import concerns_server
from lightagent.adapters.memory.neo4j.reading import Paging, owner_keys
from lightagent.adapters.memory.neo4j.reindexing import Found, change_space, index, page_after
from lightagent.adapters.memory.neo4j.schema import define, open_collection, vector_property
from lightagent.adapters.memory.neo4j.searching import Search
from lightagent.adapters.memory.neo4j.together import Together
from lightagent.adapters.memory.neo4j.writing import AT_ONCE, Forgetting, Writing, Written
from lightagent.adapters.stemming import english_stemmer
from lightagent.aiokits.loop_locks import LoopLocks
from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.domain.errors import ConfigurationError, LightAgentError, StoreError
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import FoundMemory, MemoryOwner, MemoryRecord
from lightagent.domain.memory.validity import superseded_ids
from lightagent.domain.text.search import memory_terms, terms_of
from lightagent.domain.text.vectors import Vector
from lightagent.ports.embedding import Embedder
from lightagent.ports.memory import FailedPart, MemoryPage, OwnerSelection, SearchPart, with_failed

_AT_ONCE: Final = 4_000
"""Characters that are read where the event loop runs, which takes about a millisecond; more go to a thread."""

_CHARACTERS: Final = 2_000_000
"""Of the memories that are written in one transaction."""

_LOGGER: Final = logging.getLogger("lightagent")

_LARGEST_NUMBER: Final = 2**62


class Graph:
    """A collection of memories in a database; it is made, and its embedder looked at, at the first use."""

    def __init__(
        self, address: Address, limits: Limits, collection: str, embedder: Embedder | None, nearby: float
    ) -> None:
        self._database = Database(address, limits)
        self._collection = collection
        self._embedder = embedder
        self._nearby = nearby
        self._place = f"Neo4j at {address}"
        self._locks = LoopLocks()
        self._space: Space | None = None
        self._fault: LightAgentError | None = None
        self._stem = english_stemmer()
        self._together: Together[Written] = Together(self._write, AT_ONCE, concerns_server)

    async def write(self, records: Sequence[MemoryRecord]) -> None:
        """Keep records."""
        space = await self._open()
        for batch in batches(records, AT_ONCE, _CHARACTERS):
            texts = [record.text for record in batch]
            vectors = await embedded_if_it_works(self._embedder, texts, space, self._place)
            if sum(map(len, texts)) <= _AT_ONCE:
                written = self._nodes(batch, vectors)
            else:
                written = await run_in_thread(self._nodes, batch, vectors)
            await self._together.write(written)

    async def recall(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> Sequence[FoundMemory]:
        """Find records."""
        space = await self._open()
        key = owner_key(self._collection, owner)
        if (limits := conditions(key, wanted)) is None:
            return []
        terms = await query_terms(query)
        entities = [digest("entity", key, name) for name in named_in_query(terms_of(query[:_AT_ONCE], self._stem))]
        vector, failed = await query_vector(self._embedder, query, space, self._place)
        near = vector.tolist() if vector is not None and any(vector) else None
        most = countable(limit)
        search = Search(self._collection, owner, limits, wanted, terms, entities, near, most, self._nearby)
        found, lacking = await self._searched(search)
        return with_failed(found, (*failed, *lacking))

    async def _searched(self, search: Search) -> tuple[list[FoundMemory], tuple[FailedPart, ...]]:
        """What the whole search finds, or the search without the one part that the server cannot carry out."""
        try:
            return await self._database.read(search), ()
        except StoreError as exc:
            if exc.retryable:
                raise
            rest: tuple[tuple[SearchPart, Search], ...] = (
                ("meaning", replace(search, vector=None)),
                ("words", replace(search, terms=())),
                ("graph", replace(search, entities=())),
            )
            for part, others in rest:
                if others == search or not (others.terms or others.vector):
                    continue
                try:
                    found = await self._database.read(others)
                except StoreError:
                    continue
                _LOGGER.warning("Memories are found without their %s: %s", part, exc)
                return found, (FailedPart(part, type(exc).__name__),)
            raise

    async def read(self, selection: OwnerSelection, limit: int, cursor: str | None) -> MemoryPage:
        """List records."""
        after = int(cursor) if cursor and cursor.isascii() and cursor.isdigit() and len(cursor) < 20 else 0
        if (cursor is not None and str(after) != cursor) or after > _LARGEST_NUMBER:
            raise StoreError("The cursor is not one of this store's.", guidance="Pass the cursor of the page before.")
        if (limit := countable(limit)) == 0:
            return MemoryPage(())
        await self._open()
        return await self._database.read(Paging(self._collection, selection, limit, after))

    async def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None) -> int:
        """Remove records."""
        await self._open()
        owners = await self._database.read(lambda transaction: owner_keys(transaction, self._collection, selection))
        count = 0
        for owner in owners:
            keys = None if memory_ids is None else [memory_key(owner, one) for one in memory_ids]
            work = Forgetting(self._collection, owner, keys)
            while gone := await self._database.write(work):
                count += gone
        return count

    async def reindex(self) -> int:
        """Make the terms and vectors anew by which memories are found."""
        space = await space_of(self._embedder)
        await define(self._database, self._collection, space)
        await change_space(self._database, self._collection, space)
        self._space = space
        count, after = 0, 0
        while page := await page_after(self._database, self._collection, after):
            texts = [one.text for one in page]
            vectors = (
                [None] * len(texts)
                if self._embedder is None
                else await embedded(self._embedder, texts, "document", space)
            )
            nodes = await run_in_thread(self._indexed, page, vectors)
            await index(self._database, nodes)
            count, after = count + len(page), page[-1].number
        return count

    async def aclose(self) -> None:
        """Close what the running loop has open."""
        await self._database.aclose()

    async def _open(self) -> Space:
        if self._space is None:
            before = self._fault
            async with self._locks.here():
                if self._space is None:
                    if self._fault is not None and self._fault is not before:
                        raise self._fault  # Another caller has just tried; a new attempt would take as long and fail.
                    self._space = await self._opened()
        return self._space

    async def _opened(self) -> Space:
        space = await space_of(self._embedder)
        try:
            await open_collection(self._database, self._collection, space)
        except (ConfigurationError, StoreError) as error:
            self._fault = error if concerns_server(error) else None
            raise
        return space

    async def _write(self, written: Sequence[Written]) -> None:
        first = {one.key: one for one in reversed(written)}
        kept = [first[key] for key in dict.fromkeys(one.key for one in written)]
        await self._database.write(Writing(self._collection, await self._open(), kept))

    def _indexed(self, page: Sequence[Found], vectors: Sequence[Vector | None]) -> list[tuple[str, dict[str, object]]]:
        parts = zip(page, vectors, strict=True)
        return [(one.key, {"terms": self._terms(one.text), **_with_vector(vector)}) for one, vector in parts]

    def _terms(self, text: str) -> str:
        return " ".join(memory_terms(text, self._stem))

    def _nodes(self, records: Sequence[MemoryRecord], vectors: Sequence[Vector | None]) -> list[Written]:
        return [self._node(record, vector) for record, vector in zip(records, vectors, strict=True)]

    def _node(self, record: MemoryRecord, vector: Vector | None) -> Written:
        node = properties(self._collection, record, self._terms(record.text)) | _with_vector(vector)
        owner = str(node["owner"])
        found = entities_of(record.text, record.metadata, self._stem)
        keys = {name: digest("entity", owner, name) for name in found}
        relations = [
            {"subject": keys[subject], "object": keys[thing], "kind": escaped(relation.kind)}
            for relation in relations_of(record.metadata)
            if (subject := entity_terms(relation.subject, self._stem)) in keys
            and (thing := entity_terms(relation.object, self._stem)) in keys
        ]
        entities = [{"key": keys[name], "name": escaped(shown)} for name, shown in found.items()]
        return Written(
            memory_key(owner, record.memory_id),
            node,
            owner_properties(self._collection, record.owner),
            entities,
            relations,
            [memory_key(owner, name) for name in superseded_ids(record.memory_id, record.metadata)],
        )


def _with_vector(vector: Vector | None) -> dict[str, object]:
    """The property of a vector; one of zeros is like nothing, and cannot be indexed."""
    return {vector_property(len(vector)): vector.tolist()} if vector is not None and any(vector) else {}
