"""What the machine of flows costs a step: two events, in memory, without an engine.

CPU in microseconds a step, the least of several rounds, interleaved so that a busy machine troubles all alike.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from functools import partial

from lightagent.domain.flow.definition import FlowDefinition, StepDefinition
from lightagent.domain.flow.events import (
    Answered,
    AttemptFinished,
    AttemptStarted,
    FlowEvent,
    FlowFinished,
    FlowStarted,
)
from lightagent.domain.flow.moves import Ask, Do, Finish, Move
from lightagent.domain.flow.outputs import StepOutput
from lightagent.domain.flow.paths import effect_key
from lightagent.domain.flow.projection import flow_record
from lightagent.domain.flow.state import FlowState, fold

ROUNDS = 15
SIZES = (100, 1_000)


def chain(size: int) -> FlowDefinition:
    steps = (StepDefinition(f"s{n}", depends_on=(f"s{n - 1}",) if n else ()) for n in range(size))
    return FlowDefinition("chain", tuple(steps))


def layers(size: int) -> FlowDefinition:
    """Layers of ten, each step of which depends on all of the layer before."""
    above = [()] + [tuple(f"s{n}" for n in range(first, first + 10)) for first in range(0, size, 10)]
    return FlowDefinition("layers", tuple(StepDefinition(f"s{n}", depends_on=above[n // 10]) for n in range(size)))


def items(size: int) -> FlowDefinition:
    return FlowDefinition("items", (StepDefinition("m", kind="map", body=(StepDefinition("x"),)),))


def prepared(definition: FlowDefinition, size: int) -> tuple[FlowStarted, list[FlowEvent]]:
    """The events of a run, made beforehand: what is measured is the machine alone."""
    started = FlowStarted("run", definition, "input")
    state = FlowState(started)
    moves: list[Move] = state.open_moves()
    events: list[FlowEvent] = []
    while moves:
        answers: list[FlowEvent] = []
        for move in moves:
            match move:
                case Do(path, epoch, attempt):
                    key = effect_key("run", path, epoch)
                    answers.append(AttemptStarted(path, epoch, attempt, key))
                    answers.append(AttemptFinished(path, epoch, attempt, StepOutput("done")))
                case Ask(path, epoch, question):
                    answers.append(Answered(path, epoch, question, list(range(size))))
                case Finish(status):
                    answers.append(FlowFinished(status))
                case _:
                    raise AssertionError(move)
        moves = [move for event in answers for move in state.apply(event)]
        events += answers
    return started, events


def seconds(work: Callable[[], object]) -> float:
    gc.collect()
    began = time.process_time_ns()
    work()
    return (time.process_time_ns() - began) / 1e9


def apply_all(started: FlowStarted, events: list[FlowEvent]) -> FlowState:
    state = FlowState(started)
    for event in events:
        state.apply(event)
    return state


def apply_often(started: FlowStarted, events: list[FlowEvent], times: int) -> None:
    for _ in range(times):
        apply_all(started, events)


def main() -> None:
    cases = [(shape.__name__, size, *prepared(shape(size), size)) for shape in (chain, layers, items) for size in SIZES]
    best: dict[tuple[str, int], float] = {}
    for _ in range(ROUNDS):
        for name, size, started, events in cases:
            taken = seconds(partial(apply_often, started, events, 1_000 // size)) / (1_000 // size)
            best[name, size] = min(best.get((name, size), taken), taken)
    for (name, size), taken in best.items():
        print(f"{name:8} {size:6} steps: {taken / size * 1e6:6.1f} µs a step")
    for name in dict.fromkeys(name for name, _ in best):
        print(f"{name:8} 1,000 : 100 = {best[name, 1_000] / best[name, 100] / 10:.2f}")
    _, size, started, events = cases[1]
    state = fold([started, *events])
    print(f"record of {size} steps: {min(seconds(lambda: flow_record(state)) for _ in range(ROUNDS)) * 1e3:.2f} ms")


if __name__ == "__main__":
    main()
