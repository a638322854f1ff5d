"""Steps that a step adds below itself: what may be added, and how much."""

from __future__ import annotations

from collections.abc import Iterator

from lightagent.domain.flow.bodies import make_body
from lightagent.domain.flow.definition import StepDefinition
from lightagent.domain.flow.nodes import Node
from lightagent.domain.flow.paths import added_depth, added_prefix
from lightagent.domain.flow.progress import Progress
from lightagent.domain.flow.refusals import Refused
from lightagent.domain.flow.validation import validate_steps


def growth_fault(state: Progress, node: Node) -> Refused | None:
    """Why the proposed steps must not be added, even if they were accepted; None if they may be.

    The code that answers the question `grow` calls this first, and answers with the error if it returns one.
    """
    growth = node.step.growth
    count = count_steps(node.proposed)
    path = node.path
    if growth is None:
        return Refused("form", f"{path}: its definition has no growth.", path=path)
    if count > growth.most:
        return Refused("limit", f"{path}: it proposes {count} steps, and may add {growth.most}.", path=path)
    return _fault_of_the_run(state, node, count)


def _fault_of_the_run(state: Progress, node: Node, count: int) -> Refused | None:
    """The faults by the run's limits, which are on record since it began, so that the fold may check them."""
    limits = state.started.limits
    path = node.path
    if state.added + count > limits.max_added:
        text = f"{path}: it proposes {count} steps, and {limits.max_added - state.added} may be added to this run yet."
        return Refused("limit", text, path=path)
    if added_depth(path) >= limits.max_depth:
        return Refused("limit", f"{path}: steps are added {limits.max_depth} deep at most (max_depth).", path=path)
    errors = validate_steps(node.proposed).errors
    if errors:
        return Refused("definition", f"{path}: what it proposes is not a valid flow: {errors[0]}", path=path)
    nameless = next(_without_work(node.proposed), None)
    if nameless is not None:
        text = f"{path}: the step {nameless!r:.100} that it proposes does not name what does its work."
        return Refused("definition", text, path=path)
    return None


def check_growth(state: Progress, node: Node) -> None:
    """Check the proposed steps against the run's limits only. The step's own limit is a policy, which may have changed.

    Raises:
        Refused: they exceed a limit.
    """
    fault = _fault_of_the_run(state, node, count_steps(node.proposed))
    if fault is not None:
        raise fault


def add_steps(state: Progress, node: Node) -> None:
    """Add the proposed steps below a step.

    Raises:
        Refused: it must not be added.
    """
    check_growth(state, node)
    state.added += count_steps(node.proposed)
    state.put(node, "inside")
    state.enter(state.add_scope(node, added_prefix(node.path), make_body(node.proposed)))


def _without_work(steps: tuple[StepDefinition, ...]) -> Iterator[str]:
    for step in steps:
        if step.kind == "task" and not step.work:
            yield step.name
        yield from _without_work(step.body)


def count_steps(steps: tuple[StepDefinition, ...]) -> int:
    """The number of these steps, including those inside them."""
    return len(steps) + sum(count_steps(step.body) for step in steps)
