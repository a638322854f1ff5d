"""Filters of memories hold what every store can compare, or are not made."""

from __future__ import annotations

import pytest

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonValue
from lightagent.domain.recall_filter import RecallFilter


@pytest.mark.parametrize(
    "value", [float("inf"), float("nan"), 10**5000, {"deep": [float("inf")]}], ids=["inf", "nan", "enormous", "deep"]
)
def test_a_filter_asks_for_values_of_plain_json(value: JsonValue) -> None:
    with pytest.raises(ConfigurationError, match=r"RecallFilter: metadata\.page"):
        RecallFilter(0.0, metadata={"page": value})
