"""Random flows whose definition changes while they run: what is held back, is held back for what has been done.

TEST_RANDOM_FLOWS sets how many flows are made up.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import fields, replace
from random import Random

from lightagent.domain.flow.changes import change_faults
from lightagent.domain.flow.definition import POLICY_FIELDS, CodeDigest, FlowDefinition, StepDefinition
from lightagent.domain.flow.events import DefinitionChanged, FlowEvent, FlowStarted
from lightagent.domain.flow.limits import FlowLimits
from lightagent.domain.flow.nodes import Node
from lightagent.domain.flow.paths import declared_path
from lightagent.domain.flow.retrying import RetryPolicy
from lightagent.domain.flow.state import fold
from tests.support.random_flows.counts import check_counts
from tests.support.random_flows.definitions import random_flow
from tests.support.random_flows.driver import Driver
from tests.support.random_flows.world import MAX_DEPTH, World

FLOWS = int(os.environ.get("TEST_RANDOM_FLOWS", "60"))
LIMITS = FlowLimits(max_added=10_000, max_depth=MAX_DEPTH)


def with_other_code(steps: tuple[StepDefinition, ...], path: str) -> tuple[StepDefinition, ...]:
    """The same steps, and the one at this declared path works otherwise."""
    name, _, rest = path.partition("/")
    return tuple(
        step
        if step.name != name
        else replace(step, body=with_other_code(step.body, rest))
        if rest
        else replace(step, code=(CodeDigest("agent", "tree-1:other"),))
        for step in steps
    )


def with_other_policies(steps: tuple[StepDefinition, ...]) -> tuple[StepDefinition, ...]:
    return tuple(
        replace(
            step,
            body=with_other_policies(step.body),
            retry=RetryPolicy(7),
            timeout=None if step.kind != "task" else 9.0,
            fallback=not step.fallback,
            doubt="fail",
            approvers=("eve",),
            repeatable=False,
            metadata={"team": "red"},
            growth=None if step.growth is None else replace(step.growth, most=1),
            rounds=None if step.rounds is None else step.rounds + 1,
        )
        for step in steps
    )


def counts(node: Node, log: Sequence[FlowEvent]) -> bool:
    """Whether the step has worked, or is at it. A loop that was entered, and inside of which nothing began, has not."""
    inside = tuple(f"{node.path}{sign}" for sign in "#[+")
    told = (str(getattr(event, "path", "")) for event in log)
    if node.status == "inside" and not any(path == node.path or path.startswith(inside) for path in told):
        return False
    return node.status in ("success", "running", "inside", "timed") or node.cut


def test_other_code_holds_a_run_back_where_the_step_has_worked() -> None:
    seen: Counter[bool] = Counter()
    for seed in range(FLOWS):
        rng = Random(f"changes {seed}")
        definition = random_flow(Random(seed))
        driver = Driver.start(World(seed), FlowStarted("run", definition, "input", limits=LIMITS), rng, strict=False)
        for _ in range(rng.randint(0, 40)):
            if driver.state.status in ("running", "waiting"):
                driver.one()
        declared = [path for path in driver.state.nodes if "+/" not in path]
        path = declared_path(rng.choice(declared))
        changed = replace(definition, steps=with_other_code(definition.steps, path))
        worked = {
            node.path
            for node in driver.state.nodes.values()
            if declared_path(node.path) == path and counts(node, driver.log)
        }
        faults = change_faults(driver.log, changed)
        assert {(fault.path, fault.field) for fault in faults} == {(one, "agent") for one in worked}
        assert change_faults(driver.log, changed, (path,)) == ()
        seen[bool(worked)] += 1
    assert FLOWS < 20 or len(seen) == 2


def test_policies_change_at_any_time_and_decide_nothing_of_the_past_anew() -> None:
    named = {field.name for field in fields(StepDefinition)}
    assert named > POLICY_FIELDS
    for seed in range(FLOWS):
        rng = Random(f"policies {seed}")
        definition = random_flow(Random(seed))
        driver = Driver.start(World(seed), FlowStarted("run", definition, "input", limits=LIMITS), rng, strict=False)
        for _ in range(rng.randint(0, 40)):
            if driver.state.status in ("running", "waiting"):
                driver.one()
        changed = FlowDefinition(definition.name, with_other_policies(definition.steps))
        assert change_faults(driver.log, changed) == ()
        state = fold([*driver.log, DefinitionChanged(changed)])
        check_counts(state)
        assert {path: node.status for path, node in state.nodes.items()} == {
            path: node.status for path, node in driver.state.nodes.items()
        }
