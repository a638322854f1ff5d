"""The calls of the edge engine (qdrant-edge-py), as `calls` has those of qdrant-client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import qdrant_edge as edge

from lightagent.adapters.memory.qdrant.conditions import (
    Above,
    AboveOrMissing,
    AtMostOrMissing,
    Condition,
    Conditions,
    Has,
    IsNotNamed,
)
from lightagent.adapters.memory.qdrant.edge_folder import Shard
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


def insert(shard: Shard, points: Sequence[Point]) -> None:
    """Write those points that are not there."""
    new = [_point(point) for point in points]
    shard.is_changed = True
    shard.there().update(edge.UpdateOperation.upsert_points(new, None, edge.UpdateMode.InsertOnly))


def renew(shard: Shard, points: Sequence[Point]) -> None:
    """Replace the vectors of points that are there."""
    there = {
        str(one.id)
        for one in shard.there().retrieve([point.id for point in points], with_payload=False, with_vector=False)
    }
    vectors = [edge.PointVectors(point.id, _vectors(point)) for point in points if point.id in there]
    if vectors:
        shard.is_changed = True
        shard.there().update(edge.UpdateOperation.update_vectors(vectors))


def _point(point: Point) -> edge.Point:
    return edge.Point(point.id, _vectors(point), point.payload)


def _vectors(point: Point) -> dict[str, edge.NamedVector]:
    vectors: dict[str, edge.NamedVector] = {TERMS: _sparse(point.terms)}
    if point.meaning is not None:
        vectors[point.meaning.name] = point.meaning.numbers()
    return vectors


def _sparse(sparse: Sparse) -> edge.SparseVector:
    return edge.SparseVector(sparse.places, sparse.values)


def nearest(shard: Shard, question: Question) -> list[Mapping[str, object]]:
    """The payloads of the points that fit best, the best first."""
    only, corpus = _filter(question.fitting), _filter(question.owner)
    halves: list[edge.Prefetch] = []
    if question.terms is not None:
        rare = edge.SearchParams(idf=edge.IdfParams(corpus))
        terms = edge.Query.Nearest(_sparse(question.terms), TERMS)
        halves.append(edge.Prefetch(limit=question.depth, query=terms, filter=only, params=rare))
    if question.meaning is not None:
        meaning = edge.Query.Nearest(question.meaning.numbers(), question.meaning.name)
        halves.append(edge.Prefetch(limit=question.depth, query=meaning, filter=only))
    if not halves:
        return []
    found = shard.there().query(
        edge.QueryRequest(limit=question.limit, prefetches=halves, query=_fusion(), filter=only, with_payload=_FOUND)
    )
    return [one.payload or {} for one in found]


def _fusion() -> edge.Fusion:
    fusion: object = edge.Fusion.Rrf(FUSED)
    if not isinstance(fusion, edge.Fusion):  # It is, whatever its stub says.
        raise TypeError("Rrf is no Fusion")
    return fusion


def page(shard: Shard, wanted: Conditions, limit: int) -> list[tuple[str, Mapping[str, object]]]:
    """The ids and payloads of points, in the order in which they were written."""
    order = edge.OrderBy(WRITTEN, edge.Direction.Asc)
    found, _ = shard.there().scroll(
        edge.ScrollRequest(limit=limit, filter=_filter(wanted), with_payload=_FOUND, order_by=order)
    )
    return [(str(one.id), one.payload or {}) for one in found]


def last(shard: Shard) -> int:
    """Return the highest place of a point in the order of writing; 0 without points."""
    order = edge.OrderBy(WRITTEN, edge.Direction.Desc)
    found, _ = shard.there().scroll(edge.ScrollRequest(limit=1, with_payload=[WRITTEN], order_by=order))
    return max((written_of(one.payload or {}) for one in found), default=0)


def end(shard: Shard, ends: Mapping[str, float | None]) -> None:
    """Write down when points end, those that are still there: another one may forget them meanwhile."""
    for moment in set(ends.values()):
        # The engine raises where one of several ids is not there, and not where a filter finds fewer.
        points = edge.Filter(must=[edge.HasIdCondition({point for point, end in ends.items() if end == moment})])
        shard.is_changed = True
        if moment is None:
            shard.there().update(edge.UpdateOperation.delete_payload_by_filter(points, [UNTIL]))
        else:
            shard.there().update(edge.UpdateOperation.set_payload_by_filter(points, {UNTIL: moment}))


def remove(shard: Shard, wanted: Conditions) -> int:
    """Remove points; how many there were."""
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
