"""Errors cross processes and are copied without a loss."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest

from lightagent import LightAgentError, OutputError, ProviderError
from lightagent.domain.errors import (
    BudgetError,
    ConfigurationError,
    FlowTimeout,
    MissingExtraError,
    PolicyError,
    RunSuspended,
    ToolError,
)


class OwnError(ToolError):
    """A user's own, with a constructor of its own."""

    def __init__(self, place: str, depth: int) -> None:
        super().__init__(f"lost at {place}", code="LA-JSON")
        self.depth = depth


def _pickled(error: LightAgentError) -> object:
    back: object = pickle.loads(pickle.dumps(error))
    return back


WAYS: list[Callable[[LightAgentError], object]] = [_pickled, copy.copy, copy.deepcopy]
KINDS: list[type[LightAgentError]] = [
    LightAgentError,
    ProviderError,
    ToolError,
    OutputError,
    PolicyError,
    RunSuspended,
    BudgetError,
    FlowTimeout,
    ConfigurationError,
    MissingExtraError,
]


@pytest.mark.parametrize("way", WAYS, ids=["pickle", "copy", "deepcopy"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_error_survives(kind: type[LightAgentError], way: Callable[[LightAgentError], object]) -> None:
    error = kind("boom", code="LA-429", guidance="wait", details={"n": [1]}, retryable=False)
    error.add_note("seen")
    back = way(error)
    assert isinstance(back, LightAgentError)
    assert type(back) is kind
    assert str(back) == str(error) == "[LA-429] boom. wait"
    assert (back.info, back.args, back.__notes__) == (error.info, error.args, ["seen"])


@pytest.mark.parametrize("way", WAYS, ids=["pickle", "copy", "deepcopy"])
def test_what_a_subclass_adds_survives(way: Callable[[LightAgentError], object]) -> None:
    asked = ProviderError("slow down", code="LA-429")
    asked.retry_after = 2.5
    back = way(asked)
    assert isinstance(back, ProviderError)
    assert (back.retry_after, back.retryable) == (2.5, True)
    own = way(OwnError("sea", 40))
    assert isinstance(own, OwnError)
    assert (own.depth, own.code, own.message) == (40, "LA-JSON", "lost at sea")


def test_a_deep_copy_shares_nothing() -> None:
    error = ToolError("boom", details={"n": [1]})
    back = copy.deepcopy(error)
    assert back.details == error.details
    assert back.details is not error.details
