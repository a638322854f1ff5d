"""The engine of the Qdrant server in this process (qdrant-edge-py): indexes, no server, one process a folder.

A collection is a folder within the folder, made under another name and moved to its place when it is whole.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, TypeVar
from uuid import UUID

import qdrant_edge as edge

from lightagent.adapters.memory._space import Space
from lightagent.adapters.memory.qdrant.conditions import (
    Above,
    AboveOrMissing,
    AtMostOrMissing,
    Condition,
    Conditions,
    Has,
    IsNotNamed,
)
from lightagent.adapters.memory.qdrant.engine import Engine
from lightagent.adapters.memory.qdrant.file_lock import locked
from lightagent.adapters.memory.qdrant.folders import Folders, in_use
from lightagent.adapters.memory.qdrant.points import (
    FUSED,
    KEYWORDS,
    MEANING,
    NUMBERS,
    RECORD,
    TENANTS,
    TERMS,
    UNTIL,
    WRITTEN,
    Point,
    Question,
    Sparse,
)
from lightagent.domain.errors import LightAgentError, StoreError

T = TypeVar("T")

_SPACE: Final = "lightagent_memory.json"
_FOUND: Final = ["owner", WRITTEN, RECORD, UNTIL]


@dataclass(slots=True)
class _Shard:
    """A collection that is open.

    Attributes:
        place: its folder.
        lock: keeps other processes out.
        kept: None where the collection is not made yet.
        is_changed: whether something was written that the disk may not have yet.
    """

    place: Path
    lock: IO[str]
    kept: edge.EdgeShard | None
    is_changed: bool = False

    def there(self) -> edge.EdgeShard:
        """The collection, which was prepared."""
        if self.kept is None:
            raise StoreError(
                f"The Qdrant folder {self.place} was removed.",
                guidance="Close the memory; the collection is made anew at the next use.",
            )
        return self.kept


class EdgeEngine(Engine):
    """A collection in a folder."""

    def __init__(self, path: Path, collection: str) -> None:
        self._folder = _FOLDERS.at(path / collection)

    async def prepare(self, space: Space) -> None:
        await self._do(lambda shard: _prepare(shard, space))

    async def insert(self, points: Sequence[Point]) -> None:
        await self._do(lambda shard: _insert(shard, points))

    async def bring_over(self, space: Space) -> None:
        await self._do(lambda shard: _bring_over(shard, space))

    async def renew(self, points: Sequence[Point]) -> None:
        await self._do(lambda shard: _renew(shard, points))

    async def nearest(self, question: Question) -> list[Mapping[str, object]]:
        return await self._do(lambda shard: _nearest(shard.there(), question))

    async def page(self, wanted: Conditions, limit: int) -> list[tuple[str, Mapping[str, object]]]:
        return await self._do(lambda shard: _page(shard.there(), wanted, limit))

    async def end(self, ends: Mapping[str, float | None]) -> None:
        await self._do(lambda shard: _end(shard, ends))

    async def remove(self, wanted: Conditions) -> int:
        return await self._do(lambda shard: _remove(shard, wanted))

    async def aclose(self) -> None:
        await self._folder.leave(self)

    async def _do(self, work: Callable[[_Shard], T]) -> T:
        def carried_out(shard: _Shard) -> T:
            try:
                return work(shard)
            except LightAgentError:
                raise
            except Exception as exc:
                raise _failed(shard, exc) from exc

        return await self._folder.run(self, carried_out)


def _open(place: Path) -> _Shard:
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = locked(place.with_name(f".{place.name}.lock"))
    except BlockingIOError as exc:
        raise in_use(place) from exc
    except OSError as exc:
        raise StoreError(
            f"The Qdrant folder {place} cannot be opened: {exc}", guidance="Check that it may be read and written."
        ) from exc
    try:
        return _Shard(place, lock, edge.EdgeShard.load(str(place)) if place.exists() else None)
    except Exception as exc:
        lock.close()
        raise StoreError(
            f"The Qdrant folder {place} cannot be opened: {str(exc)[:500]}",
            guidance="Restore it from a backup if it is damaged.",
        ) from exc


def _close(shard: _Shard) -> None:
    with closing(shard.lock):
        if shard.kept is not None:
            shard.kept.close()


@contextmanager
def _kept(shard: _Shard) -> Generator[None, None, None]:
    """What is changed within it is on the disk after it: one wait for the disk serves all who wrote together."""
    yield
    if shard.is_changed and shard.kept is not None:
        try:
            shard.kept.flush()
        except Exception as exc:
            raise _failed(shard, exc) from exc
        shard.is_changed = False


def _failed(shard: _Shard, exc: Exception) -> StoreError:
    """The engine raises nothing more special than `Exception`."""
    return StoreError(
        f"The Qdrant folder {shard.place}: {type(exc).__name__}: {str(exc)[:500]}",
        guidance="Check that there is room on the disk and that it may be written.",
    )


_FOLDERS: Final = Folders(_open, _close, _kept)


def _prepare(shard: _Shard, space: Space) -> None:
    if shard.kept is None:
        _create(shard.place, space)
        shard.kept = edge.EdgeShard.load(str(shard.place))
    space.check_against(_kept_space(shard), f"The Qdrant folder {shard.place}")


def _kept_space(shard: _Shard) -> Space:
    try:
        told: object = json.loads((shard.place / _SPACE).read_text("utf-8"))
    except (OSError, ValueError):
        told = None
    match told:
        case {"version": 1, "embedder": str(embedder), "dimension": int(dimension)}:
            return Space(embedder, dimension)
        case _:
            raise StoreError(
                f"The Qdrant folder {shard.place} is not one that this release made for memories.",
                guidance="Name another folder or collection.",
            )


def _tell_space(folder: Path, space: Space) -> None:
    told = {"version": 1, "embedder": space.embedder, "dimension": space.dimension}
    new = folder / f"{_SPACE}.new"
    new.write_text(json.dumps(told), "utf-8")
    new.replace(folder / _SPACE)


def _bring_over(shard: _Shard, space: Space) -> None:
    """It is written down last: where it breaks off before, the folder is still the other embedder's."""
    if shard.kept is None:
        return _prepare(shard, space)
    kept = _kept_space(shard)
    if kept == space:
        return None
    if kept.embedder:
        shard.kept.update(edge.UpdateOperation.delete_vector_name(MEANING))
    if space.embedder:
        shard.kept.update(edge.UpdateOperation.create_dense_vector(MEANING, space.dimension, edge.Distance.Dot))
    shard.kept.flush()
    _tell_space(shard.place, space)
    return None


def _renew(shard: _Shard, points: Sequence[Point]) -> None:
    there = {
        str(one.id)
        for one in shard.there().retrieve([point.id for point in points], with_payload=False, with_vector=False)
    }
    vectors = [edge.PointVectors(point.id, _vectors(point)) for point in points if point.id in there]
    if vectors:
        shard.is_changed = True
        shard.there().update(edge.UpdateOperation.update_vectors(vectors))


def _create(place: Path, space: Space) -> None:
    new = place.with_name(f".{place.name}.new")
    if new.exists():  # Somebody was ended before it was whole, and so before anything was in it.
        shutil.rmtree(new)
    new.mkdir()
    dense = {MEANING: edge.EdgeVectorParams(size=space.dimension, distance=edge.Distance.Dot)}
    config = edge.EdgeConfig(
        vectors=dense if space.embedder else None,
        sparse_vectors={TERMS: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)},
        hnsw_config=edge.HnswIndexConfig(m=0, ef_construct=100, full_scan_threshold=10_000, payload_m=16),
    )
    shard = edge.EdgeShard.create(str(new), config)
    with closing(shard):
        for field in KEYWORDS:
            how = edge.KeywordIndexParams(is_tenant=field in TENANTS, enable_hnsw=field == "owner")
            shard.update(edge.UpdateOperation.create_field_index(field, how))
        for field in NUMBERS:
            shard.update(edge.UpdateOperation.create_field_index(field, edge.PayloadSchemaType.Float))
        shard.update(edge.UpdateOperation.create_field_index(WRITTEN, edge.PayloadSchemaType.Integer))
        shard.flush()
    _tell_space(new, space)
    new.rename(place)


def _insert(shard: _Shard, points: Sequence[Point]) -> None:
    new = [_point(point) for point in points]
    shard.is_changed = True
    shard.there().update(edge.UpdateOperation.upsert_points(new, None, edge.UpdateMode.InsertOnly))


def _point(point: Point) -> edge.Point:
    return edge.Point(point.id, _vectors(point), point.payload)


def _vectors(point: Point) -> dict[str, edge.NamedVector]:
    vectors: dict[str, edge.NamedVector] = {TERMS: _sparse(point.terms)}
    if point.meaning is not None:
        vectors[MEANING] = point.meaning.tolist()
    return vectors


def _sparse(sparse: Sparse) -> edge.SparseVector:
    return edge.SparseVector(sparse.places, sparse.values)


def _nearest(shard: edge.EdgeShard, question: Question) -> list[Mapping[str, object]]:
    only, corpus = _filter(question.fitting), _filter(question.owner)
    halves: list[edge.Prefetch] = []
    if question.terms is not None:
        rare = edge.SearchParams(idf=edge.IdfParams(corpus))
        terms = edge.Query.Nearest(_sparse(question.terms), TERMS)
        halves.append(edge.Prefetch(limit=question.depth, query=terms, filter=only, params=rare))
    if question.meaning is not None:
        meaning = edge.Query.Nearest(question.meaning.tolist(), MEANING)
        halves.append(edge.Prefetch(limit=question.depth, query=meaning, filter=only))
    if not halves:
        return []
    found = shard.query(
        edge.QueryRequest(limit=question.limit, prefetches=halves, query=_fusion(), filter=only, with_payload=_FOUND)
    )
    return [one.payload or {} for one in found]


def _fusion() -> edge.Fusion:
    fusion: object = edge.Fusion.Rrf(FUSED)
    if not isinstance(fusion, edge.Fusion):  # It is, whatever its stub says.
        raise TypeError("Rrf is no Fusion")
    return fusion


def _page(shard: edge.EdgeShard, wanted: Conditions, limit: int) -> list[tuple[str, Mapping[str, object]]]:
    order = edge.OrderBy(WRITTEN, edge.Direction.Asc)
    found, _ = shard.scroll(
        edge.ScrollRequest(limit=limit, filter=_filter(wanted), with_payload=_FOUND, order_by=order)
    )
    return [(str(one.id), one.payload or {}) for one in found]


def _end(shard: _Shard, ends: Mapping[str, float | None]) -> None:
    for moment in set(ends.values()):
        points: list[int | UUID | str] = [point for point, end in ends.items() if end == moment]
        shard.is_changed = True
        if moment is None:
            shard.there().update(edge.UpdateOperation.delete_payload(points, [UNTIL]))
        else:
            shard.there().update(edge.UpdateOperation.set_payload(points, {UNTIL: moment}))


def _remove(shard: _Shard, wanted: Conditions) -> int:
    chosen = _filter(wanted)
    count = shard.there().count(edge.CountRequest(True, chosen))
    if count:
        shard.is_changed = True
        shard.there().update(edge.UpdateOperation.delete_points_by_filter(chosen))
    return count


def _filter(conditions: Conditions) -> edge.Filter:
    return edge.Filter(must=[_condition(one) for one in conditions])


def _condition(one: Condition) -> edge.ConditionType:
    match one:
        case Has(field, values):
            return edge.FieldCondition(field, match=edge.MatchAny(list(values)))
        case Above(field, number, True):
            return edge.FieldCondition(field, range=edge.RangeFloat(gte=number))
        case Above(field, number, _):
            return edge.FieldCondition(field, range=edge.RangeFloat(gt=number))
        case AboveOrMissing(field, number):
            above = edge.FieldCondition(field, range=edge.RangeFloat(gt=number))
            return edge.Filter(should=[above, edge.IsEmptyCondition(field)])
        case AtMostOrMissing(field, number):
            at_most = edge.FieldCondition(field, range=edge.RangeFloat(lte=number))
            return edge.Filter(should=[at_most, edge.IsEmptyCondition(field)])
        case IsNotNamed(ids):
            return edge.Filter(must_not=[edge.HasIdCondition(set(ids))])
