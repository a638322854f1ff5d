"""Errors cross processes and are copied without a loss."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import get_args

import pytest

from lightagent import (
    ERROR_TAXONOMY,
    ErrorCode,
    LightAgentError,
    LightAgentErrorInfo,
    OutputError,
    ProviderError,
    event_from_dict,
    event_to_dict,
)
from lightagent.domain.errors import (
    AlreadyDecided,
    BudgetError,
    ConfigurationError,
    FlowTimeout,
    MissingExtraError,
    PolicyError,
    RunSuspended,
    ToolError,
)
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.events import ModelFailed

TOO_LARGE = "Shorten the input or raise max_tokens."


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
    AlreadyDecided,
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


Form = tuple[str, str, str, JsonObject]


@pytest.mark.parametrize(
    ("error", "form"),
    [
        # As programs of the 0.9 line make them: the code first.
        (LightAgentError("LA-413"), ("LA-413", "The request or the answer was too large.", TOO_LARGE, {})),
        (LightAgentError("LA-413", details="12 MB"), ("LA-413", "12 MB", TOO_LARGE, {"text": "12 MB"})),
        (
            LightAgentError("LA-413", "Too big.", "Cut it.", "12 MB"),
            ("LA-413", "Too big.", "Cut it.", {"text": "12 MB"}),
        ),
        (LightAgentError("LA-413", message="Too big."), ("LA-413", "Too big.", TOO_LARGE, {})),
        (LightAgentError(code="LA-413", message="Too big."), ("LA-413", "Too big.", TOO_LARGE, {})),
        (LightAgentError("MY-1", "Too big."), ("LA-UNKNOWN", "MY-1: Too big.", "See the cause.", {})),
        (
            ToolError("LA-JSON", "No JSON."),
            ("LA-JSON", "No JSON.", "The model was told; a stronger model errs less.", {}),
        ),
        # As they are made here: the text first.
        (LightAgentError("Too big.", code="LA-413"), ("LA-413", "Too big.", TOO_LARGE, {})),
        (LightAgentError("LA-413", code="LA-400", guidance=""), ("LA-400", "LA-413", "", {})),
        (LightAgentError("LA-413 it was", guidance=""), ("LA-UNKNOWN", "LA-413 it was", "", {})),
        (ToolError("Wet.", details={"n": [1]}, guidance=""), ("LA-TOOL", "Wet.", "", {"n": [1]})),
        (ToolError(guidance=""), ("LA-TOOL", "A tool was missing, got bad arguments, or failed.", "", {})),
    ],
)
def test_an_error_is_made_code_first_or_text_first(error: LightAgentError, form: Form) -> None:
    assert (error.code, error.message, error.guidance, error.details) == form
    assert str(error).startswith(f"[{error.code}] {error.message}")
    assert str(_pickled(error)) == str(error)


def test_the_codes_of_the_type_are_those_of_the_taxonomy() -> None:
    assert get_args(ErrorCode) == tuple(ERROR_TAXONOMY)
    assert all(info.code == code for code, info in ERROR_TAXONOMY.items())


def test_an_event_with_a_code_of_a_later_version_is_read() -> None:
    """Or of a policy of somebody's own; types know only the codes of this version."""
    entry = event_to_dict(ModelFailed(1, 1, LightAgentErrorInfo("LA-429", "Busy.")))
    error = entry["error"]
    assert isinstance(error, dict)
    error["code"] = "LA-LATER"
    read = event_from_dict(entry)
    assert isinstance(read, ModelFailed)
    assert event_to_dict(read) == entry
