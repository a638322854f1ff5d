"""What a step costs does not depend on how many others there are; counted in calls, since no machine changes those."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from lightagent.domain.flow.definition import FlowDefinition, StepDefinition
from lightagent.domain.flow.events import (
    Answered,
    AttemptFailed,
    AttemptFinished,
    AttemptStarted,
    FlowEvent,
    FlowFinished,
    FlowStarted,
    RerunRequested,
)
from lightagent.domain.flow.moves import Ask, Do, Finish, Move
from lightagent.domain.flow.projection import flow_record
from lightagent.domain.flow.state import FlowState, fold
from tests.support.costs import count_calls
from tests.support.random_flows.play import FAILURE

SIZES = (100, 1_000)


def chain(size: int) -> FlowDefinition:
    steps = (StepDefinition(f"s{n}", depends_on=(f"s{n - 1}",) if n else ()) for n in range(size))
    return FlowDefinition("chain", tuple(steps))


def layers(size: int) -> FlowDefinition:
    above = [(), *(tuple(f"s{n}" for n in range(first, first + 10)) for first in range(0, size, 10))]
    return FlowDefinition("layers", tuple(StepDefinition(f"s{n}", depends_on=above[n // 10]) for n in range(size)))


def items(size: int) -> FlowDefinition:
    return FlowDefinition("items", (StepDefinition("m", kind="map", body=(StepDefinition("x"),)),))


SHAPES = (chain, layers, items)


def played(definition: FlowDefinition, size: int) -> tuple[FlowState, list[FlowEvent]]:
    """A run to its end, all that is open done at once, and its events."""
    started = FlowStarted("run", definition)
    state = FlowState(started)
    log: list[FlowEvent] = [started]
    moves: list[Move] = state.open_moves()
    while moves:
        answers: list[FlowEvent] = []
        for move in moves:
            match move:
                case Do(path, epoch, attempt):
                    answers += (AttemptStarted(path, epoch, attempt, "key"), AttemptFinished(path, epoch, attempt))
                case Ask(path, epoch, question):
                    answers.append(Answered(path, epoch, question, list(range(size))))
                case Finish(status):
                    answers.append(FlowFinished(status))
                case _:
                    raise AssertionError(move)
        log += answers
        moves = [move for event in answers for move in state.apply(event)]
    return state, log


@pytest.mark.parametrize("shape", SHAPES)
def test_each_event_costs_the_same_among_many_steps(shape: Callable[[int], FlowDefinition]) -> None:
    costs: list[float] = []
    for size in SIZES:
        state, log = played(shape(size), size)
        assert state.status == "success"
        costs.append(count_calls(partial(fold, log)) / size)
    assert costs[1] < costs[0] * 1.1


@pytest.mark.parametrize("shape", [items, layers])
def test_a_rerun_costs_what_it_undoes(shape: Callable[[int], FlowDefinition]) -> None:
    costs: list[int] = []
    for size in SIZES:
        state, _ = played(shape(size), size)
        last = "m[0]/x" if shape is items else f"s{size - 1}"
        costs.append(count_calls(partial(state.apply, RerunRequested(last))))
    assert costs[1] < costs[0] * 1.1


def test_a_failure_skips_a_chain_of_thousands_without_a_deep_stack() -> None:
    state = FlowState(FlowStarted("run", chain(5_000)))
    state.apply(AttemptStarted("s0", 1, 1, "key"))
    assert state.apply(AttemptFailed("s0", 1, 1, FAILURE)) == [Finish("failed")]
    assert {step.why for step in flow_record(state).steps[1:]} == {"upstream"}
    assert state.apply(FlowFinished("failed")) == []
    assert len(state.apply(RerunRequested("s0"))) == 1
