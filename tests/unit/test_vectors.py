"""Vectors: of length 1, and the nearest of many, in plain Python and by numpy alike."""

import random
from array import array
from math import hypot, inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightagent.adapters.numpy_vectors import NumpyVectorTable, make_table
from lightagent.domain.text.vectors import PlainVectorTable, unit_vector

NUMBERS = st.floats(-1e300, 1e300)


@given(st.lists(NUMBERS, min_size=1, max_size=20))
def test_a_vector_has_length_1_or_is_zero(values: list[float]) -> None:
    length = hypot(*unit_vector(values))
    assert abs(length - 1) < 1e-5 or length == 0


@pytest.mark.parametrize("value", [nan, inf, -inf])
def test_a_value_that_is_no_finite_number_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        unit_vector([1.0, value])


def test_both_tables_find_the_same() -> None:
    chance = random.Random(3)
    vectors = [unit_vector([chance.gauss(0, 1) for _ in range(24)]) for _ in range(200)]
    vectors += vectors[:5]  # Of two that are as near, the earlier.
    plain, fast = PlainVectorTable(vectors), NumpyVectorTable(vectors)
    for query in vectors[:20]:
        one, other = plain.nearest(query, 30), fast.nearest(query, 30)
        assert [found.place for found in one] == [found.place for found in other]
        assert [found.similarity for found in one] == pytest.approx([found.similarity for found in other], abs=1e-5)
        assert one[0].similarity == pytest.approx(1, abs=1e-5)
        assert vectors[one[0].place] == query


def test_no_vectors_have_no_nearest() -> None:
    assert list(make_table([]).nearest(array("f", [1]), 3)) == []


def test_fewer_than_asked_for_are_all() -> None:
    table = make_table([array("f", [1, 0]), array("f", [0, 1])])
    assert [found.place for found in table.nearest(array("f", [0, 1]), 9)] == [1, 0]
