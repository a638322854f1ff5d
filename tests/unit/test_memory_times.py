"""A memory is of a time that every store can keep and every listing can tell."""

from __future__ import annotations

import math

import pytest

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord


@pytest.mark.parametrize(
    "seconds", [math.nan, math.inf, -math.inf, 1e300, -1e17, 10**5000, None, "5", True], ids=[*map(str, range(9))]
)
def test_a_time_that_no_store_and_no_listing_can_tell_is_refused(seconds: float) -> None:
    with pytest.raises(ConfigurationError, match="written_at is a number of seconds"):
        MemoryRecord("m1", MemoryOwner(user="ann"), "My dog is Rex.", {}, seconds)


@pytest.mark.parametrize("given", [0, -0.0, 1.5, -62_135_596_800, 253_402_300_799.0])
def test_a_time_is_kept_as_a_number_with_one_zero(given: float) -> None:
    kept = MemoryRecord("m1", MemoryOwner(user="ann"), "My dog is Rex.", {}, given).written_at
    assert (type(kept), kept, math.copysign(1, kept)) == (float, given, -1.0 if given < 0 else 1.0)
