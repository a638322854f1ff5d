"""What a run consumed."""

from __future__ import annotations

from collections.abc import Iterable

from lightagent.domain.events import Event, ModelReplied
from lightagent.domain.usage import Usage


def total_usage(events: Iterable[Event]) -> Usage:
    """The tokens of all model replies."""
    return sum((e.usage for e in events if isinstance(e, ModelReplied) and e.usage is not None), Usage())
