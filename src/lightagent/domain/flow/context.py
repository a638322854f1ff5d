"""What a step may see of its run: its ancestors only.

If a step saw all that happens to be over, its view would depend on how quick its neighbours are, and so would the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lightagent.domain.flow.nodes import Node, Scope
from lightagent.domain.flow.progress import Progress
from lightagent.domain.flow.projection import step_record
from lightagent.domain.flow.record import StepRecord
from lightagent.domain.flow.refusals import Refused
from lightagent.domain.json_types import JsonValue


class SeenSteps(Mapping[str, StepRecord]):
    """The visible steps by name, each made a record on access. Of two with the same name, the inner one.

    Args:
        levels: the bodies around the step, the innermost first, and which of their steps are visible, as bits.
    """

    def __init__(self, levels: tuple[tuple[Scope, int], ...]) -> None:
        self._levels = levels

    def node(self, name: str) -> Node | None:
        """The step with this name; None if it does not exist or is not visible."""
        for scope, seen in self._levels:
            place = scope.body.index.get(name)
            if place is not None and seen >> place & 1:
                return scope.nodes[place]
        return None

    def __getitem__(self, name: str) -> StepRecord:
        node = self.node(name)
        if node is None:
            raise KeyError(name)
        return step_record(node)

    def __iter__(self) -> Iterator[str]:
        names = (
            step.name
            for scope, seen in self._levels
            for place, step in enumerate(scope.body.steps)
            if seen >> place & 1
        )
        return iter(dict.fromkeys(names))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class SeenOutputs(Mapping[str, str]):
    """The outputs of the visible steps that have one, as texts."""

    def __init__(self, steps: SeenSteps) -> None:
        self._steps = steps

    def __getitem__(self, name: str) -> str:
        node = self._steps.node(name)
        if node is None or node.output is None or node.status not in ("success", "inside"):
            raise KeyError(name)
        return node.output.text

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._steps if name in self)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True, slots=True)
class StepContext:
    """What a step sees.

    Attributes:
        input: of the flow.
        steps: the records of its ancestors: what it depends on, directly or not, also around it. The steps that are
            added below another see that one too, and a loop that is asked whether it goes on its last round.
        outputs: their outputs, as texts.
        depends_on: the records of what it depends on directly, in the order in which it says so.
        item, index: of the map around it, the innermost where there are several; None outside of maps.
        round: of the loop around it, counted from 1; 0 outside of loops. Of a loop that is asked whether it goes on,
            its last one.
        previous: the records of the round before.
    """

    input: JsonValue
    steps: SeenSteps
    outputs: SeenOutputs
    depends_on: tuple[StepRecord, ...]
    item: JsonValue
    index: int | None
    round: int
    previous: SeenSteps


def context_of(state: Progress, path: str) -> StepContext:
    """What the step at this path sees.

    Raises:
        Refused: there is none.
    """
    node = state.nodes.get(path)
    if node is None:
        raise Refused("unknown", f"The run has no step at {path!r:.200}.", path=path)
    around = list(_around(node))
    if _is_loop_question(node):
        around.insert(0, node.scopes[-1])
    steps = SeenSteps(tuple(_levels(node)))
    item = next((scope for scope in around if scope.parent is not None and scope.parent.step.kind == "map"), None)
    turn = next((scope for scope in around if scope.parent is not None and scope.parent.step.kind == "loop"), None)
    return StepContext(
        state.input,
        steps,
        SeenOutputs(steps),
        tuple(step_record(needed) for needed in node.needed()),
        None if item is None else item.item,
        None if item is None else item.number,
        0 if turn is None else turn.number,
        SeenSteps(() if turn is None else _before(turn)),
    )


def _around(node: Node) -> Iterator[Scope]:
    """The scopes that it is in, the innermost first."""
    scope: Scope | None = node.scope
    while scope is not None:
        yield scope
        scope = None if scope.parent is None else scope.parent.scope


def _is_loop_question(node: Node) -> bool:
    """Whether it is a loop that is asked whether it makes another round."""
    return node.status == "asking" and node.question == "again"


def _levels(node: Node) -> Iterator[tuple[Scope, int]]:
    if _is_loop_question(node):
        yield node.scopes[-1], _all(node.scopes[-1])
    inner: Node | None = node
    itself = False
    while inner is not None:
        scope = inner.scope
        yield scope, scope.body.ancestors[inner.place] | itself << inner.place
        inner = scope.parent
        itself = inner is not None and inner.step.kind == "task"


def _before(turn: Scope) -> tuple[tuple[Scope, int], ...]:
    loop = turn.parent
    if loop is None or turn.number < 2:
        return ()
    last = loop.scopes[turn.number - 2]
    return ((last, _all(last)),)


def _all(scope: Scope) -> int:
    return (1 << len(scope.nodes)) - 1
