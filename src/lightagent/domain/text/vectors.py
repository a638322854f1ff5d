"""Vectors of texts: what an embedder gives, and how near two of them are."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from heapq import nsmallest
from math import hypot, isfinite
from operator import mul
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

Vector: TypeAlias = "array[float]"
"""A vector in single precision, of length 1; it may be all zeros for a text without content."""

_TOLERANCE: Final = 0.01
"""How far from 1 a vector's length may be, which allows for half precision and quantisation."""

TextRole: TypeAlias = Literal["query", "document"]
"""The role of a text for an embedder: many models embed queries and documents differently."""


def unit_vector(values: Iterable[float]) -> Vector:
    """Return the vector of these values, scaled to length 1 unless all are 0.

    Raises:
        ValueError: a value is not a finite number.
    """
    vector = array("d", values)
    length = hypot(*vector)
    if not isfinite(length):
        raise ValueError("A vector holds a value that is not a finite number.")
    return array("f", (value / length for value in vector)) if length else array("f", vector)


def is_vector(value: object) -> bool:
    """Whether a value is what embedders are to give: single precision, finite, of length 1 or all zeros."""
    if not isinstance(value, array) or value.typecode != "f" or not value:
        return False
    length = hypot(*value)
    return length == 0 or abs(length - 1) < _TOLERANCE


def similarities(one: Vector, others: Sequence[Vector]) -> list[float]:
    """How near a vector is to each of others of its dimension, from -1 to 1."""
    plain = one.tolist()
    return [sum(map(mul, plain, other)) for other in others]


class Nearest(NamedTuple):
    """A vector that is near, by its place among the others."""

    place: int
    similarity: float


class VectorTable(Protocol):
    """Vectors among which the nearest are sought. Any number of threads may do so at once."""

    def nearest(self, vector: Vector, limit: int) -> Sequence[Nearest]:
        """Those nearest to a vector of their dimension, the nearest first and of two that are as near the earlier."""
        ...


class PlainVectorTable(VectorTable):
    """A table in plain Python: about 10 ms for a thousand vectors of 400 numbers.

    Args:
        vectors: all of one dimension.
    """

    def __init__(self, vectors: Sequence[Vector]) -> None:
        self._vectors = vectors

    def nearest(self, vector: Vector, limit: int) -> Sequence[Nearest]:
        found = enumerate(similarities(vector, self._vectors))
        return [Nearest(place, -far) for far, place in nsmallest(limit, ((-near, place) for place, near in found))]
