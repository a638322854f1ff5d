"""The attributes of spans of flows: whose a run is, and which step is tried. What was said is not among them."""

from __future__ import annotations

from lightagent.adapters.telemetry.otel.names import ATTEMPT, GROUP, PARENT_TRACE, STEP, TAGS, TENANT, Names
from lightagent.adapters.telemetry.otel.plain_values import Attributes
from lightagent.domain.flow.events import AttemptStarted, FlowStarted
from lightagent.domain.flow.paths import declared_path


def flow_attributes(names: Names, started: FlowStarted, tags: tuple[str, ...]) -> Attributes:
    """What every span of a run has: whose it is, where it belongs, and the caller's tags."""
    found: Attributes = {}
    if started.scope.user:
        found[names.user] = started.scope.user
    if started.scope.tenant:
        found[TENANT] = started.scope.tenant
    if started.run_group_id:
        found[GROUP] = started.run_group_id
    if started.parent_trace_id:
        found[PARENT_TRACE] = started.parent_trace_id
    if tags:
        found[TAGS] = tags
    return found


def step_attributes(event: AttemptStarted) -> Attributes:
    """What is known of an attempt when it begins."""
    return {STEP: kind_of_step(event.path), ATTEMPT: event.attempt}


def kind_of_step(path: str) -> str:
    """The step as it was declared, whatever the item or round; of steps that a step has added, that one.

    A model may have made up the names of those that were added.
    """
    return declared_path(path).partition("+/")[0]
