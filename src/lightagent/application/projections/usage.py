"""What a run consumed, the runs of agents that it called as tools included."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from lightagent.domain.events import Concluded, ContextReplaced, Event, ModelFailed, ModelReplied, Nested
from lightagent.domain.plans import Planned
from lightagent.domain.usage import Usage


def total_usage(events: Iterable[Event]) -> Usage:
    """The tokens of all replies, summaries, plans and reflections, and of failed attempts as far as they are known."""
    return sum((usage for usage in _usages(events) if usage is not None), Usage())


def _usages(events: Iterable[Event]) -> Iterator[Usage | None]:
    for event in events:
        while isinstance(event, Nested):
            event = event.event
        if isinstance(event, (ModelReplied, ModelFailed, ContextReplaced, Concluded, Planned)):
            yield event.usage
