"""The tokens that a run used, including the runs of agents called as tools."""

from __future__ import annotations

from collections.abc import Iterable

from lightagent.application.projections.steps import Step
from lightagent.domain.planning.plans import Planned
from lightagent.domain.runs.events import Concluded, ContextReplaced, Event, ModelFailed, ModelReplied, Nested
from lightagent.domain.usage import Usage


def total_usage(events: Iterable[Event]) -> Usage:
    """Return the tokens of all replies, summaries, plans and reflections, and of failed attempts if known."""
    return sum((usage for usage in map(step_usage, events) if usage is not None), Usage())


def step_usage(step: Step) -> Usage | None:
    """Return the tokens that one step reports; None for most steps."""
    while isinstance(step, Nested):
        step = step.event
    return step.usage if isinstance(step, (ModelReplied, ModelFailed, ContextReplaced, Concluded, Planned)) else None
