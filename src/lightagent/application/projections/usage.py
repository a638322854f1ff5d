"""The tokens that a run used, including the runs of agents called as tools."""

from __future__ import annotations

from collections.abc import Iterable

from lightagent.application.projections.steps import Step
from lightagent.domain.planning.plans import Planned
from lightagent.domain.runs.events import (
    Concluded,
    ContextReplaced,
    Event,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    ModelRetried,
    Nested,
    ToolStarted,
)
from lightagent.domain.runs.retries import is_adaption
from lightagent.domain.usage import Usage


def total_usage(events: Iterable[Event]) -> Usage:
    """Return the tokens of all replies, summaries, plans and reflections, and of failed attempts if known."""
    return sum((usage for usage in map(step_usage, events) if usage is not None), Usage())


def step_usage(step: Step) -> Usage | None:
    """Return the tokens that one step reports; None for most steps."""
    while isinstance(step, Nested):
        step = step.event
    return step.usage if isinstance(step, (ModelReplied, ModelFailed, ContextReplaced, Concluded, Planned)) else None


def run_counts(events: Iterable[Event]) -> dict[str, int]:
    """Return the numbers of model requests, tool calls and retries of a run, including nested runs.

    Sending a request again in another form, because its form was refused, does not count as a retry.
    """
    counts = {"model_request_count": 0, "tool_call_count": 0, "retry_count": 0}
    adapted: set[tuple[str, ...]] = set()
    for event in events:
        path: tuple[str, ...] = ()
        while isinstance(event, Nested):
            path, event = (*path, event.call_id), event.event
        match event:
            case ModelRequested():
                counts["model_request_count"] += 1
            case ModelFailed(error=error) if is_adaption(error):
                adapted.add(path)
            case ModelRetried():
                counts["retry_count"] += path not in adapted
                adapted.discard(path)
            case ToolStarted():
                counts["tool_call_count"] += 1
            case _:
                pass
    return counts
