"""What is too large for Temporal's server is refused before it is sent, by step, field and size."""

from __future__ import annotations

import pytest

pytest.importorskip("temporalio", reason="the environment of openai 2 has no temporalio")

from lightagent import LightFlow
from lightagent.adapters.engines.temporal import sizes
from lightagent.adapters.engines.temporal.connection import Place
from lightagent.adapters.engines.temporal.engine import TemporalEngine
from lightagent.adapters.engines.temporal.orders import MOST_BYTES, read_all, written
from lightagent.adapters.engines.temporal.sizes import fitting, told_too_large, too_large
from lightagent.domain.flow.definition import FlowDefinition
from lightagent.domain.flow.events import (
    Answered,
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    FlowEvent,
    FlowStarted,
    Signalled,
    StepApprovalDecided,
)
from lightagent.domain.flow.outputs import StepOutput
from lightagent.domain.review.decisions import ApprovalDecision

LARGE = "x" * MOST_BYTES


@pytest.fixture(autouse=True)
def machine() -> None:
    """A flow gives its engine what events are written with."""
    LightFlow(engine=TemporalEngine(Place("127.0.0.1:1", "default")), name="f").step("a", agent=lambda query: query)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (AttemptFinished("a", 0, 1, StepOutput(LARGE)), "output"),
        (AttemptStarted("a", 0, 1, "key", LARGE), "query"),
        (Answered("a", 0, "items", [LARGE]), "list"),
    ],
    ids=["output", "query", "list"],
)
def test_what_a_step_gives_beyond_the_limit_fails_it(event: FlowEvent, field: str) -> None:
    (told,) = read_all(fitting("a", [event], before=0))
    assert isinstance(told, Answered | AttemptFailed)
    error = told.error
    assert error is not None
    assert error.message.startswith(f"The {field} of the step 'a' has 1,800,")
    assert error.details is not None
    assert (error.details["step"], error.details["field"]) == ("a", field)
    assert "xxx" not in error.message


def test_what_fits_passes_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    event = AttemptFinished("a", 0, 1, StepOutput("short"))
    assert fitting("a", [event], before=0) == written([event])
    monkeypatch.setattr(sizes, "MOST_RECORD", 1_000)
    (told,) = read_all(fitting("a", [event], before=990))
    assert isinstance(told, AttemptFailed)
    assert "the run has 1," in told.error.message
    assert "With the output of the step 'a'" in told.error.message


def test_what_a_workflow_cannot_begin_with_is_named() -> None:
    small, large = FlowDefinition("f", ()), FlowDefinition(LARGE, ())
    attempt = AttemptFinished("a", 0, 1, StepOutput(LARGE))
    cases: list[tuple[list[FlowEvent], str, str]] = [
        ([FlowStarted("r", small, LARGE)], "", "input"),
        ([FlowStarted("r", large, "x")], "", "definition"),
        ([FlowStarted("r", small, "x"), attempt], "a", "output"),
    ]
    for past, step, field in cases:
        refused = too_large(past, written(past))
        assert refused is not None
        assert refused.details is not None
        assert (refused.details["step"], refused.details["field"]) == (step, field)
        assert f"its {field}" in refused.message
        assert "xxx" not in refused.message
    assert too_large([FlowStarted("r", small, "x")], written([FlowStarted("r", small, "x")])) is None


def test_what_a_run_cannot_be_told_is_named() -> None:
    decision = StepApprovalDecided("a", 0, ApprovalDecision.respond(LARGE))
    for event, step, field in ((Signalled("payment", LARGE), "", "payload"), (decision, "a", "decision")):
        refused = told_too_large("r", [event], written([event]))
        assert refused is not None
        assert refused.details is not None
        assert (refused.details["step"], refused.details["field"]) == (step, field)
        assert f"The {field}" in refused.message
        assert "xxx" not in refused.message
    small = Signalled("payment", 3)
    assert told_too_large("r", [small], written([small])) is None
