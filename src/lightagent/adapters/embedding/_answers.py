"""Reads vectors from the answer of an embedding service, and checks them."""

from __future__ import annotations

from collections.abc import Mapping

from lightagent.adapters._endpoints.faults import malformed
from lightagent.domain.text.vectors import Vector, unit_vector

_MOST_NUMBERS = 65_536
"""The most numbers of a vector; the largest models have 8,192."""


def read_vectors(answer: object, count: int) -> list[Vector]:
    """Return the vectors of an answer in OpenAI's form, in the order of the texts.

    Raises:
        ProviderError: LA-500, the number of vectors differs from the number of texts, or their dimensions differ.
    """
    data = answer.get("data") if isinstance(answer, Mapping) else None
    if not isinstance(data, list) or len(data) != count:
        raise malformed(f"something other than a list of {count} vectors", data)
    by_place: dict[int, Vector] = {}
    for number, item in enumerate(data):
        index = item.get("index") if isinstance(item, Mapping) else None
        # Some servers leave the index out; then the order is that of the texts.
        by_place[index if type(index) is int else number] = _vector(item)
    if sorted(by_place) != list(range(count)):
        raise malformed("vectors whose indexes do not match the texts", sorted(by_place)[:20])
    vectors = [by_place[place] for place in range(count)]
    if len({len(vector) for vector in vectors}) > 1:
        raise malformed("vectors of different dimensions", sorted({len(vector) for vector in vectors}))
    return vectors


def _vector(item: object) -> Vector:
    values = item.get("embedding") if isinstance(item, Mapping) else None
    if not isinstance(values, list) or not 0 < len(values) <= _MOST_NUMBERS:
        raise malformed("an embedding that is not a list of numbers", str(values)[:200])
    if not all(type(value) in (int, float) for value in values):
        raise malformed("a vector that holds something other than numbers", str(values)[:200])
    try:
        return unit_vector(values)
    except (ValueError, OverflowError) as exc:
        raise malformed("a vector with a value that is not finite", str(values)[:200]) from exc
