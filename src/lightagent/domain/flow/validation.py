"""Validates the definition of a flow, in full, before it runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from lightagent.domain.flow.bodies import in_order
from lightagent.domain.flow.definition import FlowDefinition, StepDefinition
from lightagent.domain.flow.limits import DEFAULT_FLOW_LIMITS, FlowLimits
from lightagent.domain.last_results import LastResults


class Validation(NamedTuple):
    """The findings.

    Attributes:
        errors: it cannot run.
        warnings: it can, but probably not as intended.
    """

    errors: tuple[str, ...]
    warnings: tuple[str, ...]


def validate(
    definition: FlowDefinition, limits: FlowLimits = DEFAULT_FLOW_LIMITS, *, strict: bool = False
) -> Validation:
    """The faults of a flow: unknown dependencies, cycles, duplicates, isolated steps, options that do not fit.

    Args:
        limits: of its runs; a loop may name fewer rounds, and no more.
        strict: warnings count as errors.
    """
    found = _known(definition.steps)
    beyond = tuple(
        f"step `{path}`: its {rounds:,} rounds are more than the {limits.max_rounds:,} a loop may make (max_rounds)"
        for path, rounds in _rounds(definition.steps)
        if rounds > limits.max_rounds
    )
    if beyond:
        found = Validation((*found.errors, *beyond), found.warnings)
    return Validation((*found.errors, *found.warnings), found.warnings) if strict else found


def _rounds_of(steps: tuple[StepDefinition, ...], within: str = "") -> tuple[tuple[str, int], ...]:
    """The numbers of rounds of loops, by their places."""
    named: list[tuple[str, int]] = []
    for step in steps:
        if step.rounds is not None:
            named.append((f"{within}{step.name}", step.rounds))
        named += _rounds_of(step.body, f"{within}{step.name}/")
    return tuple(named)


def validate_steps(steps: tuple[StepDefinition, ...], within: str = "") -> Validation:
    """The faults of the steps of one body, and of those inside them."""
    errors = [] if steps else [f"{within or 'the flow'} has no steps"]
    warnings: list[str] = []
    counts = Counter(step.name for step in steps)
    errors += [f"step `{within}{name}` is declared {count} times" for name, count in counts.items() if count > 1]
    for step in steps:
        errors += [
            f"step `{within}{step.name}` depends on unknown step `{name}`"
            for name in dict.fromkeys(step.depends_on)
            if name not in counts
        ]
        errors += [f"step `{within}{step.name}`: {fault}" for fault in _faults(step)]
    errors += [f"cycle detected at step `{within}{names[0]}`: {' → '.join(names)}" for names in _cycles(steps)]
    depended = {name for step in steps for name in step.depends_on}
    if len(steps) > 1:
        warnings += [
            f"step `{within}{step.name}` is isolated"
            for step in steps
            if not step.depends_on and step.name not in depended
        ]
    for step in steps:
        if step.kind in ("map", "loop"):
            inner = validate_steps(step.body, f"{within}{step.name}/")
            errors += inner.errors
            # Steps inside a map or loop are often independent on purpose, and end with it.
    return Validation(tuple(errors), tuple(warnings))


_known: Final = LastResults(validate_steps)
_rounds: Final = LastResults(_rounds_of)


def _faults(step: StepDefinition) -> Iterator[str]:
    """The faults of one step by itself."""
    if not step.name:
        yield "its name is empty"
    for is_wrong, text in _RULES:
        if is_wrong(step):
            yield text


_RULES: Final[tuple[tuple[Callable[[StepDefinition], bool], str], ...]] = (
    (lambda step: step.kind in ("task", "wait") and bool(step.body), "only a map or a loop has steps inside it"),
    (lambda step: (step.kind == "wait") != (step.wait is not None), "a wait, and only a wait, says what it waits for"),
    (lambda step: step.kind == "wait" and _waits_for_nothing(step), "it waits neither for a time nor for an event"),
    (lambda step: step.wait is not None and (step.wait.seconds or 0.0) < 0, "it waits for a time below 0"),
    (
        lambda step: step.rounds is not None and (step.kind != "loop" or step.rounds < 1),
        "only a loop has rounds, 1 or more",
    ),
    (lambda step: step.timeout is not None and not step.timeout > 0, "timeout must be greater than 0"),
    (lambda step: step.retry.attempts < 1, "max_retry must be at least 1"),
    (lambda step: step.growth is not None and step.growth.most < 1, "growth of less than one step is none"),
    (
        lambda step: step.kind != "task" and (step.verify or step.fallback or step.growth is not None),
        "verification, fallback and growth are for tasks; give them to the steps inside",
    ),
    (lambda step: step.kind != "task" and step.timeout is not None, "a timeout is for attempts, which only tasks make"),
    (lambda step: step.name in step.depends_on, "it depends on itself, which is a cycle"),
)


def _waits_for_nothing(step: StepDefinition) -> bool:
    wait = step.wait
    return wait is not None and not wait.event and not wait.asks and wait.seconds is None


def _cycles(steps: tuple[StepDefinition, ...]) -> Iterator[list[str]]:
    """One cycle, from a step back to it, if there is any among what can be sorted by name."""
    index = {step.name: place for place, step in enumerate(steps)}
    needs = tuple(
        tuple(dict.fromkeys(index[name] for name in step.depends_on if name in index and name != step.name))
        for step in steps
    )
    dependents: list[list[int]] = [[] for _ in steps]
    for place, needed in enumerate(needs):
        for one in needed:
            dependents[one].append(place)
    stuck = set(range(len(steps))).difference(in_order(needs, dependents))
    if not stuck:
        return
    # Each step that is stuck depends on another one that is, so following these leads back to one of them.
    here = min(stuck)
    trail: dict[int, None] = {}
    while here not in trail:
        trail[here] = None
        here = next(one for one in needs[here] if one in stuck)
    visited = list(trail)
    around = visited[visited.index(here) :]
    yield [steps[place].name for place in (here, *reversed(around[1:]), here)]
