"""Steps of one body, as a graph by their numbers: computed once, however often they are run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from lightagent.domain.flow.definition import StepDefinition
from lightagent.domain.flow.paths import escape
from lightagent.domain.flow.refusals import Refused
from lightagent.domain.last_results import LastResults


@dataclass(frozen=True, slots=True)
class Body:
    """A body: the flow itself, what a map does for an item, a loop in a round, or what a step has added.

    A step is its place in the order of declaration, counted from 0.

    Attributes:
        names: of the steps, as they stand in a path.
        needs: what each depends on.
        dependents: what depends on each, the last first, so that a worklist takes them in their order.
        roots: those that depend on nothing, the last first.
        sinks: those that nothing depends on.
        inner: the body of each map and loop.
        ancestors: all that each depends on, at any distance, as a set of bits.
        index: the place of each name, as its author wrote it.
    """

    steps: tuple[StepDefinition, ...]
    names: tuple[str, ...]
    needs: tuple[tuple[int, ...], ...]
    dependents: tuple[tuple[int, ...], ...]
    roots: tuple[int, ...]
    sinks: tuple[int, ...]
    inner: tuple[Body | None, ...]
    ancestors: tuple[int, ...]
    index: Mapping[str, int]

    def downstream(self, first: int) -> list[int]:
        """The step and all that depend on it, at any distance."""
        found = [first]
        seen = {first}
        for one in found:
            for dependent in self.dependents[one]:
                if dependent not in seen:
                    seen.add(dependent)
                    found.append(dependent)
        return found


def make_body(steps: tuple[StepDefinition, ...]) -> Body:
    """The graph of these steps and of those inside them.

    Raises:
        Refused: they are not a directed acyclic graph; `validation.validate` gives the full report.
    """
    return _bodies(steps)


def _make_body(steps: tuple[StepDefinition, ...]) -> Body:
    index = {step.name: place for place, step in enumerate(steps)}
    if not steps or len(index) < len(steps):
        raise Refused("definition", "The flow has no steps." if not steps else "Two steps have the same name.")
    needs = tuple(_needs(step, index) for step in steps)
    dependents: list[list[int]] = [[] for _ in steps]
    for place, needed in enumerate(needs):
        for one in needed:
            dependents[one].append(place)
    order = in_order(needs, dependents)
    if len(order) < len(steps):
        stuck = min(set(range(len(steps))).difference(order))
        raise Refused("definition", f"cycle detected at step `{steps[stuck].name}`.", path=steps[stuck].name)
    return Body(
        steps,
        tuple(escape(step.name) for step in steps),
        needs,
        tuple(tuple(reversed(one)) for one in dependents),
        tuple(place for place in reversed(range(len(steps))) if not needs[place]),
        tuple(place for place, one in enumerate(dependents) if not one),
        tuple(make_body(step.body) if step.kind in ("map", "loop") else None for step in steps),
        _ancestors(needs, order),
        MappingProxyType(index),
    )


_bodies: Final = LastResults(_make_body)


def in_order(needs: tuple[tuple[int, ...], ...], dependents: list[list[int]]) -> list[int]:
    """The steps so that each comes after what it depends on (Kahn's algorithm); those of a cycle are left out."""
    waiting = [len(one) for one in needs]
    order = [place for place, count in enumerate(waiting) if not count]
    for place in order:
        for dependent in dependents[place]:
            waiting[dependent] -= 1
            if not waiting[dependent]:
                order.append(dependent)
    return order


def _needs(step: StepDefinition, index: dict[str, int]) -> tuple[int, ...]:
    unknown = next((name for name in step.depends_on if name not in index), None)
    if unknown is not None:
        raise Refused("definition", f"step `{step.name}` depends on unknown step `{unknown}`.", path=step.name)
    return tuple(dict.fromkeys(index[name] for name in step.depends_on))


def _ancestors(needs: tuple[tuple[int, ...], ...], order: list[int]) -> tuple[int, ...]:
    found = [0] * len(needs)
    for place in order:
        for one in needs[place]:
            found[place] |= found[one] | 1 << one
    return tuple(found)
