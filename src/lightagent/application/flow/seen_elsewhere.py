"""How telemetry sees a run on an engine: its caller has the run, and whoever carries out a step has the attempt."""

from __future__ import annotations

from collections.abc import Awaitable, Generator, Sequence
from contextlib import contextmanager

from lightagent.application.flow.flow_watchers import FlowWatchers
from lightagent.application.flow.show_flow import flow_result
from lightagent.domain.flow.events import AttemptStarted, FlowEvent
from lightagent.domain.flow.state import fold
from lightagent.ports.flow_telemetry import FlowEnd
from lightagent.ports.system import Clock


async def seen_call(
    watchers: FlowWatchers | None, known: Sequence[FlowEvent], work: Awaitable[Sequence[FlowEvent]], clock: Clock
) -> Sequence[FlowEvent]:
    """Return all events of a run that an engine carries out, while the spans of the run are current.

    Args:
        watchers: begun; None without telemetry.
        known: the events that they have seen.
    """
    if watchers is None:
        return await work
    leave, end = watchers.enter_flow(clock.now()), FlowEnd("interrupted")
    try:
        events = await work
        for event in events[len(known) :]:
            watchers.see(event)
        result = flow_result(fold(events), events)
        end = FlowEnd(result.status, result.content, result.error)
    finally:
        leave()
        watchers.left(FlowEnd(end.status, end.content, end.error, clock.now()))
    return events


@contextmanager
def seen_attempt(
    watchers: FlowWatchers | None, past: Sequence[FlowEvent], path: str, told: Sequence[FlowEvent], clock: Clock
) -> Generator[None]:
    """Within it an attempt is made, which is on record as the last one at its path.

    Args:
        watchers: not begun; None without telemetry.
        told: what has come of the attempt when the block ends.
    """
    if watchers is None:
        yield
        return
    watchers.begin_attempt(past)
    begun = next((one for one in reversed(past) if isinstance(one, AttemptStarted) and one.path == path), None)
    if begun is not None:
        watchers.see(begun)
    try:
        yield
    finally:
        for event in told:
            watchers.see(event)
        watchers.left(FlowEnd("", at=clock.now()))
