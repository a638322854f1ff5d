"""Records as points: the vectors that they are found by, the payload that filters look at, and what was written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from zlib import crc32

from lightagent.adapters.memory._marks import mark, metadata_marks, owner_mark
from lightagent.adapters.memory._space import Space
from lightagent.adapters.memory._written_out import read_out, written_out
from lightagent.adapters.memory.qdrant.conditions import NO, OWNER_FIELDS, YES, Conditions
from lightagent.adapters.memory.qdrant.keywords import keyword, point_id
from lightagent.domain.errors import LightAgentError, StoreError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.recall_filter import facts_of
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.memory.validity import superseded_ids
from lightagent.domain.text.search import Bm25, WeighedTerms
from lightagent.domain.text.vectors import Vector

TERMS: Final = "terms"
"""The sparse vector: which of our terms a text has."""
FORMAT: Final = 2
"""Of collections as this release makes them."""

KEYWORDS: Final = (
    "owner",
    "memory_id",
    *OWNER_FIELDS,
    "source",
    "scope",
    "agent_name",
    "trust_level",
    "metadata_marks",
    "supersedes",
    "is_injectable",
    "is_internal",
)
"""The fields that are indexed as keywords."""
TENANTS: Final = ("owner", "tenant")
"""Those of them by which Qdrant lays points beside each other."""
SUPERSEDES: Final = "supersedes"
"""The ids of the memories whose place a point takes."""
FROM: Final = "valid_from"
UNTIL: Final = "valid_until"
"""When a point ends; where others took its place, they wrote it there."""
NUMBERS: Final = ("confidence", "expires_at", FROM, UNTIL)
WRITTEN: Final = "written"
"""When a point was written, in microseconds since 1970 and each one higher: the order in which they are read."""
RECORD: Final = "record"
FUSED: Final = 2
"""The constant of reciprocal rank fusion: Qdrant's own, by which the first few of each half count most. With 60, as it
is often set, what stands far down in both halves goes before what one half puts first."""

_BM25: Final = Bm25()
_USUAL_TERMS: Final = 20.0
"""Terms of a memory of usual length. The mean of an owner's would change with each memory, and the vectors do not."""

Payload: TypeAlias = JsonObject


@dataclass(frozen=True, slots=True)
class Sparse:
    """Which places of a vector are not 0, and what stands there."""

    places: list[int]
    values: list[float]


@dataclass(frozen=True, slots=True)
class Meaning:
    """A dense vector, which an embedder made.

    Attributes:
        name: of the vectors of its space in a collection, from `vector_name`.
        vector: its numbers.
    """

    name: str
    vector: Vector

    def numbers(self) -> list[float]:
        """As the clients of Qdrant take them."""
        return self.vector.tolist()


def vector_name(space: Space) -> str:
    """How a collection names the vectors of this space.

    Those of another space have another name. So Qdrant refuses what a store writes or compares that was opened before
    the collection was migrated to another embedder, even if its vectors have the same size.
    """
    return f"meaning_{mark(space.embedder, str(space.dimension)).hex()[:16]}"


def meanings_of(vectors: Sequence[Vector | None], space: Space) -> list[Meaning | None]:
    """The vectors with the name of their space."""
    name = vector_name(space)
    return [None if vector is None else Meaning(name, vector) for vector in vectors]


@dataclass(frozen=True, slots=True)
class Point:
    """What is written."""

    id: str
    terms: Sparse
    meaning: Meaning | None
    payload: Payload


@dataclass(frozen=True, slots=True)
class Question:
    """What is looked for.

    Attributes:
        owner: the points of whose words it is said how rare they are.
        fitting: the points that may be found; those of the owner among them.
        terms: None if the query has none.
        meaning: None without an embedder.
        limit: how many points are found at most.
        depth: how many of each half are fused.
    """

    owner: Conditions
    fitting: Conditions
    terms: Sparse | None
    meaning: Meaning | None
    limit: int
    depth: int


def point_of(record: MemoryRecord, terms: WeighedTerms, meaning: Meaning | None, written: int) -> Point:
    """The point of a record."""
    return Point(point_id(record.owner, record.memory_id), _document(terms), meaning, _payload(record, written))


def query_places(terms: list[str]) -> Sparse | None:
    """The terms of a query as a sparse vector; Qdrant weighs each by how rare it is (the modifier `idf`)."""
    places = sorted({_place(term) for term in terms})
    return Sparse(places, [1.0] * len(places)) if places else None


def _document(terms: WeighedTerms) -> Sparse:
    """BM25's part of a document: the more often a term occurs in a short text, the more it counts there."""
    k, b = _BM25.saturation, _BM25.length_norm
    norm = k * (1 - b + b * terms.length / _USUAL_TERMS)
    found: dict[int, float] = {}
    for term, weight in zip(terms.terms, terms.weights, strict=True):
        place = _place(term)
        found[place] = found.get(place, 0.0) + weight
    places = sorted(found)
    return Sparse(places, [found[place] / (found[place] + norm) for place in places])


def _place(term: str) -> int:
    """Two terms that share a place among 4 billion cost nothing but a hit too many."""
    return crc32(term.encode("utf-8", "surrogatepass"))


def _payload(record: MemoryRecord, written: int) -> Payload:
    facts = facts_of(record)
    numbers = {"confidence": facts.confidence, "expires_at": facts.expires_at}
    numbers |= {FROM: facts.valid_from, UNTIL: facts.valid_until}
    superseded = superseded_ids(record.memory_id, record.metadata)
    return {
        "owner": owner_mark(record.owner).hex(),
        "memory_id": keyword(record.memory_id),
        **{field: keyword(part) for field, part in zip(OWNER_FIELDS, record.owner.parts, strict=True)},
        "source": keyword(facts.source),
        "scope": keyword(facts.scope),
        "agent_name": keyword(facts.agent_name),
        "trust_level": keyword(facts.trust_level),
        **{name: number for name, number in numbers.items() if number is not None},
        "is_injectable": YES if facts.is_injectable else NO,
        "is_internal": YES if facts.is_internal else NO,
        "metadata_marks": [mark.hex() for mark in metadata_marks(record.metadata)],
        **({SUPERSEDES: [keyword(name) for name in superseded]} if superseded else {}),
        WRITTEN: written,
        RECORD: written_out(_record_row(record)),
    }


def _record_row(record: MemoryRecord) -> list[object]:
    return [record.memory_id, list(record.owner.parts), record.text, record.metadata, record.written_at]


def record_of(payload: Mapping[str, object]) -> MemoryRecord:
    """The record of a point.

    Raises:
        StoreError: it is not one that this store has written, or its owner is not the one that it is found by.
    """
    content = payload.get(RECORD)
    try:
        record = _read(read_out(content)) if isinstance(content, str) else None
    except (ValueError, LightAgentError):
        record = None
    if record is not None and payload.get("owner") == owner_mark(record.owner).hex():
        return record
    raise StoreError(
        "The collection holds a point that is not a memory as it was written.",
        guidance="Remove what others have written there, or restore a snapshot.",
    )


def _read(found: object) -> MemoryRecord | None:
    match found:
        case [str(name), [*parts], str(text), dict(metadata), float() | int() as at]:
            texts = [part for part in parts if isinstance(part, str)]
            if len(texts) == len(parts) == len(OWNER_FIELDS):
                return MemoryRecord(name, MemoryOwner(*texts), text, metadata, at)
        case _:
            pass
    return None


def written_of(payload: Mapping[str, object]) -> int:
    """The place of a point in the order of writing."""
    written = payload.get(WRITTEN)
    return written if isinstance(written, int) else 0
