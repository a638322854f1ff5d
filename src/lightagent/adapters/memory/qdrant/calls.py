"""The calls of qdrant-client about points, which its server mode and its local mode both understand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from qdrant_client import AsyncQdrantClient, models

from lightagent.adapters.memory.qdrant.conditions import (
    Above,
    AboveOrMissing,
    AtMostOrMissing,
    Condition,
    Conditions,
    Has,
    IsNotNamed,
)
from lightagent.adapters.memory.qdrant.points import (
    FUSED,
    RECORD,
    TERMS,
    UNTIL,
    WRITTEN,
    Point,
    Question,
    Sparse,
    written_of,
)

_FOUND: Final = ["owner", WRITTEN, RECORD, UNTIL]


async def renew(client: AsyncQdrantClient, collection: str, points: Sequence[Point]) -> None:
    """Replace the vectors of points that are there."""
    found = await client.retrieve(collection, [point.id for point in points], with_payload=False)
    there = {one.id for one in found}
    vectors = [models.PointVectors(id=point.id, vector=_vectors(point)) for point in points if point.id in there]
    if vectors:
        await client.update_vectors(collection, vectors, wait=True)


async def insert(client: AsyncQdrantClient, collection: str, points: Sequence[Point]) -> None:
    """Write those points that are not there."""
    found = await client.retrieve(collection, [point.id for point in points], with_payload=False)
    there = {one.id for one in found}
    new = [_struct(point) for point in points if point.id not in there]
    if new:
        # The mode decides what happens if another writer has written one of them meanwhile.
        await client.upsert(collection, new, wait=True, update_mode=models.UpdateMode.INSERT_ONLY)


def _struct(point: Point) -> models.PointStruct:
    return models.PointStruct(id=point.id, vector=_vectors(point), payload=point.payload)


def _vectors(point: Point) -> dict[str, models.Vector]:
    vectors: dict[str, models.Vector] = {TERMS: _sparse(point.terms)}
    if point.meaning is not None:
        vectors[point.meaning.name] = point.meaning.numbers()
    return vectors


def _sparse(sparse: Sparse) -> models.SparseVector:
    return models.SparseVector(indices=sparse.places, values=sparse.values)


async def nearest(client: AsyncQdrantClient, collection: str, question: Question) -> list[Mapping[str, object]]:
    """The payloads of the points that fit best, the best first."""
    only, corpus = filter_of(question.fitting), filter_of(question.owner)
    rare = models.SearchParams(idf=models.IdfCorpusParams(corpus=corpus))
    halves: list[models.Prefetch] = []
    if question.terms is not None:
        halves.append(
            models.Prefetch(query=_sparse(question.terms), using=TERMS, filter=only, params=rare, limit=question.depth)
        )
    if question.meaning is not None:
        meaning, name = question.meaning.numbers(), question.meaning.name
        halves.append(models.Prefetch(query=meaning, using=name, filter=only, limit=question.depth))
    if not halves:
        return []
    answer = await client.query_points(
        collection,
        prefetch=halves,
        query=models.RrfQuery(rrf=models.Rrf(k=FUSED)),
        limit=question.limit,
        with_payload=_FOUND,
    )
    return [one.payload or {} for one in answer.points]


async def page(
    client: AsyncQdrantClient, collection: str, wanted: Conditions, limit: int
) -> list[tuple[str, Mapping[str, object]]]:
    """The ids and payloads of points, in the order in which they were written."""
    order = models.OrderBy(key=WRITTEN, direction=models.Direction.ASC)
    found, _ = await client.scroll(
        collection, scroll_filter=filter_of(wanted), limit=limit, order_by=order, with_payload=_FOUND
    )
    return [(str(one.id), one.payload or {}) for one in found]


async def last(client: AsyncQdrantClient, collection: str) -> int:
    """Return the highest place of a point in the order of writing; 0 without points."""
    order = models.OrderBy(key=WRITTEN, direction=models.Direction.DESC)
    found, _ = await client.scroll(collection, limit=1, order_by=order, with_payload=[WRITTEN])
    return max((written_of(one.payload or {}) for one in found), default=0)


async def end(client: AsyncQdrantClient, collection: str, ends: Mapping[str, float | None]) -> None:
    """Write down when points end, those that are still there: another one may forget them meanwhile."""
    for moment in set(ends.values()):
        ids: list[models.ExtendedPointId] = [point for point, end in ends.items() if end == moment]
        # Qdrant raises where one of several ids is not there, and not where a filter finds fewer.
        points = models.FilterSelector(filter=models.Filter(must=[models.HasIdCondition(has_id=ids)]))
        if moment is None:
            await client.delete_payload(collection, [UNTIL], points, wait=True)
        else:
            await client.set_payload(collection, {UNTIL: moment}, points, wait=True)


async def remove(client: AsyncQdrantClient, collection: str, wanted: Conditions) -> int:
    """Remove points; how many there were."""
    chosen = filter_of(wanted)
    count = (await client.count(collection, count_filter=chosen, exact=True)).count
    if count:
        await client.delete(collection, models.FilterSelector(filter=chosen), wait=True)
    return count


def filter_of(conditions: Conditions) -> models.Filter:
    """Conditions as the client writes them; none at all are those that every point of ours fulfils."""
    must = [_condition(one) for one in conditions if not isinstance(one, IsNotNamed)]
    other: list[models.Condition] = [
        models.HasIdCondition(has_id=list(one.ids)) for one in conditions if isinstance(one, IsNotNamed)
    ]
    return models.Filter(must=must or None, must_not=other or None)


def _condition(one: Condition) -> models.Condition:
    match one:
        case Has(field, values):
            return models.FieldCondition(key=field, match=models.MatchAny(any=list(values)))
        case Above(field, number, True):
            return models.FieldCondition(key=field, range=models.Range(gte=number))
        case Above(field, number, _):
            return models.FieldCondition(key=field, range=models.Range(gt=number))
        case AboveOrMissing(field, number):
            above = models.FieldCondition(key=field, range=models.Range(gt=number))
            missing = models.IsEmptyCondition(is_empty=models.PayloadField(key=field))
            return models.Filter(should=[above, missing])
        case AtMostOrMissing(field, number):
            at_most = models.FieldCondition(key=field, range=models.Range(lte=number))
            missing = models.IsEmptyCondition(is_empty=models.PayloadField(key=field))
            return models.Filter(should=[at_most, missing])
        case IsNotNamed(ids):
            return models.Filter(must_not=[models.HasIdCondition(has_id=list(ids))])
