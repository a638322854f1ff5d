"""The memory in Qdrant, as its port has it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from lightagent.adapters.memory._limits import countable
from lightagent.adapters.memory._space import Space, embedded, embedded_if_it_works, query_vector, space_of
from lightagent.adapters.memory._terms import batches, document_terms, query_terms
from lightagent.adapters.memory.qdrant import conditions
from lightagent.adapters.memory.qdrant.cursors import Cursor
from lightagent.adapters.memory.qdrant.engine import Engine
from lightagent.adapters.memory.qdrant.facts import settle, superseding
from lightagent.adapters.memory.qdrant.opening import Embedded, Place
from lightagent.adapters.memory.qdrant.points import (
    Question,
    meanings_of,
    point_of,
    query_places,
    record_of,
    written_of,
)
from lightagent.adapters.memory.qdrant.searching import checked, nearest
from lightagent.aiokits.loop_locks import LoopLocks
from lightagent.domain.errors import StoreError
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import FoundMemory, MemoryOwner, MemoryRecord
from lightagent.domain.text.vectors import Vector
from lightagent.ports.embedding import Embedder
from lightagent.ports.memory import (
    ALL_FEATURES,
    MemoryFeature,
    MemoryPage,
    MemoryStore,
    OwnerSelection,
    with_failed,
)

_CANDIDATES: Final = 50
"""How many of each half of a search are fused, at least."""
_MOST_POINTS: Final = 64
_MOST_CHARACTERS: Final = 4_000_000
"""Points, and characters of them, that one request writes: a server takes 32 MB."""
_MICROSECONDS: Final = 1_000_000


class QdrantMemory(MemoryStore):
    """Keeps memories in a collection of their own, which is made at the first use.

    They are found by their words (sparse vectors of our own terms, weighed by how rare each is among the owner's own),
    and with an embedder also by its vectors; Qdrant fuses the two.

    Args:
        url: of a server, such as ``http://localhost:6333``.
        path: instead of a server, a folder for this process alone, or ``:memory:``.
        collection: its name, of letters, digits, ``_`` and ``-``.
        embedder: makes the vectors; None: memories are found by their words alone. It is closed with this object.
        api_key: of the server.
        engine: what serves the folder.
        timeout: seconds that an answer of the server may take.

    Raises:
        ConfigurationError: not exactly one of `url` and `path` is given, or a value cannot be used.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        path: str | Path | None = None,
        collection: str = "lightagent_memory",
        embedder: Embedder | None = None,
        api_key: str = "",
        engine: Embedded = "local",
        timeout: float = 10.0,
    ) -> None:
        self._place = Place(url, path, collection, api_key, engine, timeout)
        self._embedder = embedder
        self._space: Space | None = None
        self._lock, self._loop_locks = threading.Lock(), LoopLocks()
        self._opened: Engine | None = None
        self._is_prepared = False
        self._last = 0

    @property
    def name(self) -> str:
        return "qdrant"

    @property
    def supports(self) -> frozenset[MemoryFeature]:
        return ALL_FEATURES

    async def write(self, records: Sequence[MemoryRecord]) -> None:
        for batch in batches(records, _MOST_POINTS, _MOST_CHARACTERS):
            await self._write(batch)

    async def _write(self, records: Sequence[MemoryRecord]) -> None:
        engine, space = await self._ready()
        texts = [record.text for record in records]
        terms = await document_terms(texts)
        vectors = await embedded_if_it_works(self._embedder, texts, space, self._place.collection)
        places = self._places(len(records))
        parts = zip(records, terms, meanings_of(vectors, space), places, strict=True)
        await checked(engine, space, engine.insert([point_of(*one) for one in parts]))
        await settle(engine, records)

    async def recall(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> Sequence[FoundMemory]:
        if (limit := countable(limit)) == 0 or not query.strip():
            return []
        engine, space = await self._ready()
        terms = query_places(await query_terms(query))
        vector, failed = await query_vector(self._embedder, query, space, self._place.collection)
        (meaning,) = meanings_of([vector], space)
        own = conditions.of_owner(owner)
        fitting = [*own, *conditions.fitting(wanted)]
        question = Question(own, fitting, terms, meaning, limit, max(limit, _CANDIDATES))
        found, lacking = await nearest(engine, space, question)
        records = [record_of(payload) for payload in found]
        if any(record.owner != owner for record in records):
            raise StoreError(
                "A memory of another owner was found; none is given.",
                guidance="Another program changed the collection. Restore a snapshot.",
            )
        return with_failed([record.found() for record in records], (*failed, *lacking))

    async def read(self, selection: OwnerSelection, limit: int, cursor: str | None = None) -> MemoryPage:
        start = Cursor.of(cursor)
        if (limit := countable(limit)) == 0:
            return MemoryPage(())
        engine, _ = await self._ready()
        found = await engine.page([*conditions.of_owners(selection), *start.conditions()], limit + 1)
        page = found[:limit]
        after = start.after([(name, written_of(payload)) for name, payload in page]) if len(found) > limit else None
        return MemoryPage(tuple(record_of(payload) for _, payload in page), None if after is None else str(after))

    async def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None = None) -> int:
        if memory_ids is not None and not memory_ids:
            return 0
        engine, _ = await self._ready()
        whose = conditions.of_owners(selection)
        if memory_ids is None:
            return await engine.remove(whose)
        # What they superseded holds again before they are removed: a process that dies in between loses nothing.
        ending, points = await superseding(engine, selection, memory_ids)
        marked = await settle(engine, ending, frozenset(points)) if ending else frozenset[str]()
        count = await engine.remove([*whose, conditions.named(memory_ids)])
        if ending:
            await settle(engine, ending, also=marked)
        return count

    async def reindex(self) -> int:
        """Make terms and vectors of all memories anew, with the embedder of this object; how many there are.

        What was written with another embedder is brought over; no other process may write meanwhile. Where it breaks
        off, memories are found by their words until it is done again.

        Raises:
            StoreError: they could not be read or written.
            ProviderError: the embedder failed.
        """
        space = self._space = await space_of(self._embedder)
        engine = await self._open()
        await engine.bring_over(space)
        await self._go_on(engine)
        self._is_prepared = True
        count, cursor = 0, Cursor()
        while found := await engine.page(cursor.conditions(), _MOST_POINTS):
            cursor = cursor.after([(name, written_of(payload)) for name, payload in found])
            records = [record_of(payload) for _, payload in found]
            texts = [record.text for record in records]
            terms = await document_terms(texts)
            vectors: Sequence[Vector | None] = [None] * len(texts)
            if self._embedder is not None:
                vectors = await embedded(self._embedder, texts, "document", space)
            parts = zip(records, terms, meanings_of(vectors, space), strict=True)
            await engine.renew([point_of(*one, written=0) for one in parts])
            await settle(engine, records)
            count += len(found)
        return count

    async def aclose(self) -> None:
        if self._opened is not None:
            await self._opened.aclose()
        if self._embedder is not None:
            await self._embedder.aclose()

    async def _go_on(self, engine: Engine) -> None:
        """Write after what is there, also where the clock was set back since."""
        last = await engine.last()
        with self._lock:
            self._last = max(self._last, last)

    def _places(self, count: int) -> list[int]:
        """The next places in the order of writing."""
        with self._lock:
            first = max(self._last + 1, int(time.time() * _MICROSECONDS))
            self._last = first + count - 1
        return list(range(first, first + count))

    async def _ready(self) -> tuple[Engine, Space]:
        if self._space is None:
            self._space = await space_of(self._embedder)
        if self._opened is None or not self._is_prepared:
            async with self._loop_locks.here():
                await self._prepare(self._space)
        if self._opened is None:
            raise StoreError("The memory was closed while it was opened.", guidance="Try again.", retryable=True)
        return self._opened, self._space

    async def _prepare(self, space: Space) -> None:
        engine = await self._open()
        if not self._is_prepared:
            await engine.prepare(space)
            await self._go_on(engine)
            self._is_prepared = True

    async def _open(self) -> Engine:
        await self._place.load()
        with self._lock:
            if self._opened is None:
                self._opened = self._place.open()
            return self._opened
