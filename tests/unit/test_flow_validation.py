"""What is wrong with a flow is said before it runs."""

from __future__ import annotations

import pytest

from lightagent.domain.flow.definition import FlowDefinition, Growth, StepDefinition, WaitFor
from lightagent.domain.flow.events import FlowStarted
from lightagent.domain.flow.refusals import Refused
from lightagent.domain.flow.retrying import RetryPolicy
from lightagent.domain.flow.state import FlowState
from lightagent.domain.flow.validation import validate

A = StepDefinition("a")


def flow(*steps: StepDefinition) -> FlowDefinition:
    return FlowDefinition("flow", steps)


WRONG = {
    "the flow has no steps": flow(),
    "step `a` is declared 2 times": flow(A, A),
    "step `b` depends on unknown step `c`": flow(A, StepDefinition("b", depends_on=("a", "c"))),
    "cycle detected at step `b`: b → c → b": flow(
        A,
        StepDefinition("b", depends_on=("a", "c")),
        StepDefinition("c", depends_on=("b",)),
        StepDefinition("d", depends_on=("c",)),
    ),
    "step `a`: it depends on itself, which is a cycle": flow(StepDefinition("a", depends_on=("a",))),
    "step ``: its name is empty": flow(StepDefinition("")),
    "m/ has no steps": flow(StepDefinition("m", kind="map")),
    "step `m/x` depends on unknown step `a`": flow(
        A, StepDefinition("m", kind="map", depends_on=("a",), body=(StepDefinition("x", depends_on=("a",)),))
    ),
    "step `a`: only a map or a loop has steps inside it": flow(StepDefinition("a", body=(A,))),
    "step `w`: a wait, and only a wait, says what it waits for": flow(StepDefinition("w", kind="wait")),
    "step `w`: it waits neither for a time nor for an event": flow(StepDefinition("w", kind="wait", wait=WaitFor())),
    "step `w`: it waits for a time below 0": flow(StepDefinition("w", kind="wait", wait=WaitFor(seconds=-1.0))),
    "step `l`: only a loop has rounds, 1 or more": flow(StepDefinition("l", kind="loop", body=(A,), rounds=0)),
    "step `a`: timeout must be greater than 0": flow(StepDefinition("a", timeout=0.0)),
    "step `a`: max_retry must be at least 1": flow(StepDefinition("a", retry=RetryPolicy(0))),
    "step `a`: growth of less than one step is none": flow(StepDefinition("a", growth=Growth(most=0))),
    "step `m`: verification, fallback and growth are for tasks; give them to the steps inside": flow(
        StepDefinition("m", kind="map", body=(A,), verify=True)
    ),
    "step `m`: a timeout is for attempts, which only tasks make": flow(
        StepDefinition("m", kind="map", body=(A,), timeout=1.0)
    ),
}


@pytest.mark.parametrize("error", WRONG)
def test_what_is_wrong_is_named(error: str) -> None:
    assert error in validate(WRONG[error]).errors


def test_an_isolated_step_is_a_warning_and_an_error_where_that_is_wanted() -> None:
    definition = flow(A, StepDefinition("b", depends_on=("a",)), StepDefinition("c"))
    warning = "step `c` is isolated"
    assert validate(definition) == ((), (warning,))
    assert validate(definition, strict=True) == ((warning,), (warning,))
    assert validate(flow(A), strict=True) == ((), ())


@pytest.mark.parametrize(
    "definition",
    [
        flow(),
        flow(A, A),
        flow(StepDefinition("a", depends_on=("b",))),
        flow(StepDefinition("a", depends_on=("b",)), StepDefinition("b", depends_on=("a",))),
        flow(StepDefinition("m", kind="map", body=(StepDefinition("x", depends_on=("x",)),))),
    ],
    ids=["empty", "twice", "unknown", "cycle", "inside"],
)
def test_what_is_no_graph_does_not_start(definition: FlowDefinition) -> None:
    with pytest.raises(Refused) as refused:
        FlowState(FlowStarted("run", definition))
    assert refused.value.kind == "definition"


def test_a_long_chain_needs_no_deep_stack() -> None:
    steps = [StepDefinition(f"s{n}", depends_on=(f"s{n - 1}",) if n else ()) for n in range(20_000)]
    assert validate(flow(*steps)).errors == ()
    looped = [StepDefinition("s0", depends_on=("s19999",)), *steps[1:]]
    assert len(validate(flow(*looped)).errors) == 1
