"""From the state of a run to its record."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from lightagent.domain.flow.nodes import Node, NodeStatus, Scope, last_output
from lightagent.domain.flow.outputs import StepOutput
from lightagent.domain.flow.progress import Progress
from lightagent.domain.flow.record import FlowRecord, StepRecord, StepStatus

STEP_STATUS: Final[Mapping[NodeStatus, StepStatus]] = MappingProxyType(
    {
        "pending": "pending",
        "gate": "pending",
        "ready": "pending",
        "asking": "running",
        "inside": "running",
        "begin_wait": "running",
        "timed": "running",
        "signal": "running",
        "running": "running",
        "waiting_approval": "waiting_approval",
        "success": "success",
        "failed": "failed",
        "skipped": "skipped",
    }
)
"""The status of a step as users see it."""

_NOTHING: Final = StepOutput()


def flow_record(state: Progress) -> FlowRecord:
    """The record of a run."""
    started = state.started
    output = last_output(state.root) or _NOTHING
    failed = next((node for node in state.root.nodes if node.status == "failed"), None)
    return FlowRecord(
        state.run_id,
        state.definition.name,
        state.status,
        scope_records(state.root),
        output.text,
        output.value,
        state.input,
        None if failed is None else failed.error,
        started.scope,
        started.trace_id,
        started.parent_trace_id,
        started.run_group_id,
        state.source,
        started.metadata,
        started.at,
        state.ended_at,
    )


def scope_records(scope: Scope) -> tuple[StepRecord, ...]:
    """The records of steps that stand beside each other, in the order of declaration."""
    return tuple([step_record(node) for node in scope.nodes])


def step_record(node: Node) -> StepRecord:
    """The record of one step, with all that is inside it."""
    output = shown_output(node)
    inside = tuple([scope_records(scope) for scope in node.scopes]) if node.scopes else ()
    kind = node.step.kind
    return StepRecord(
        node.step.name,
        node.path,
        STEP_STATUS[node.status],
        output.text,
        output.value,
        output.artifacts,
        node.error,
        node.why,
        attempts_made(node),
        node.fallback,
        node.query,
        node.decision,
        node.verdict,
        node.epoch,
        inside if kind == "map" else (),
        inside if kind == "loop" else (),
        inside[0] if kind == "task" and inside else (),
        node.request_id,
        node.cut or node.status == "running",
        node.started_at,
        node.ended_at,
    )


def shown_output(node: Node) -> StepOutput:
    """The output of a step, as far as it counts."""
    return node.output if node.output is not None and node.status in ("success", "inside") else _NOTHING


def attempts_made(node: Node) -> int:
    """The attempts at a step that were begun since it was last reset."""
    return node.attempt - (node.status == "ready" and not node.cut)
