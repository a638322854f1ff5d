"""How often a run did what costs time and money."""

from __future__ import annotations

from collections.abc import Iterable

from lightagent.domain.runs.events import Event, ModelFailed, ModelRequested, ModelRetried, Nested, ToolStarted
from lightagent.domain.runs.retries import is_adaption


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
