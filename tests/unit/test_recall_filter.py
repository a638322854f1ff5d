"""Filters of memories hold what every store can compare, or are not made."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonValue
from lightagent.domain.memory.filter import exclusion_of
from lightagent.domain.memory.policy import MemoryPolicy
from lightagent.domain.memory.recall_filter import RecallFilter, facts_of, filter_of
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord

NOW = 1000.0
TIMES = st.sampled_from(
    [None, 0, NOW, NOW + 1, 10**400, True, "1970-01-01T00:16:40Z", "2999-01-01", "soon", "1001", [5]]
)
WORDS = st.sampled_from([None, "user", "web", "agent", "pending", "approved", "", 5, ["user"], ["pending"]])
FIELDS = {
    **dict.fromkeys(("expires_at", "expiresAt", "valid_from", "validFrom", "valid_until", "validUntil"), TIMES),
    **dict.fromkeys(("confidence", "trust_score"), st.sampled_from([None, 0.2, 0.5, "0.7", 1, "much", False])),
    **dict.fromkeys(("injectable", "is_injectable"), st.sampled_from([None, True, False, "yes", "no"])),
    **dict.fromkeys(
        ("source", "memory_source", "scope", "agent_name", "agent", "trust_level", "trust", "status", "topic"), WORDS
    ),
}
POLICIES = st.builds(
    MemoryPolicy,
    allowed_sources=st.sampled_from([None, (), ("user",), ("user", "web", "")]),
    allowed_agent_names=st.sampled_from([None, ("user",)]),
    allowed_trust_levels=st.sampled_from([None, ("user",)]),
    min_confidence=st.sampled_from([None, 0.5, 0]),
    enforce_expires_at=st.booleans(),
    require_promotion_for_internal_memory=st.booleans(),
    required_metadata=st.sampled_from([None, {"topic": "user"}, {"topic": ["user"]}]),
)


@given(POLICIES, st.fixed_dictionaries({}, optional=FIELDS))
def test_a_search_finds_nothing_that_the_policy_keeps_out(policy: MemoryPolicy, metadata: dict[str, JsonValue]) -> None:
    record = MemoryRecord("m", MemoryOwner(user="ann"), "It rains.", metadata, 1.0)
    if filter_of(policy, NOW).fits(facts_of(record), record.metadata):
        assert exclusion_of(policy, record.found(), "ann", NOW) is None


MAKERS: dict[str, Callable[[float], RecallFilter]] = {
    "now": RecallFilter,
    "valid_at": lambda number: RecallFilter(0.0, valid_at=number),
    "min_confidence": lambda number: RecallFilter(0.0, min_confidence=number),
}


@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize(
    "value", [float("inf"), float("nan"), 10**5000, True], ids=["inf", "nan", "enormous", "no number"]
)
def test_a_filter_asks_for_numbers_that_every_store_can_compare(name: str, value: float) -> None:
    with pytest.raises(ConfigurationError, match=f"RecallFilter: {name} takes a finite number"):
        MAKERS[name](value)
    assert isinstance(getattr(MAKERS[name](10**30), name), float)


@pytest.mark.parametrize(
    "value", [float("inf"), float("nan"), 10**5000, {"deep": [float("inf")]}], ids=["inf", "nan", "enormous", "deep"]
)
def test_a_filter_asks_for_values_of_plain_json(value: JsonValue) -> None:
    with pytest.raises(ConfigurationError, match=r"RecallFilter: metadata\.page"):
        RecallFilter(0.0, metadata={"page": value})
