"""What a run consumed, the runs of agents that it called as tools included."""

from __future__ import annotations

from collections.abc import Iterable

from lightagent.application.steps import Step
from lightagent.domain.events import Concluded, ContextReplaced, Event, ModelFailed, ModelReplied, Nested
from lightagent.domain.plans import Planned
from lightagent.domain.usage import Usage


def total_usage(events: Iterable[Event]) -> Usage:
    """The tokens of all replies, summaries, plans and reflections, and of failed attempts as far as they are known."""
    return sum((usage for usage in map(step_usage, events) if usage is not None), Usage())


def step_usage(step: Step) -> Usage | None:
    """The tokens that one step of a run tells of; None for most."""
    while isinstance(step, Nested):
        step = step.event
    return step.usage if isinstance(step, (ModelReplied, ModelFailed, ContextReplaced, Concluded, Planned)) else None
