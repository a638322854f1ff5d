"""The time in which a process has a run of a flow, as telemetry and logs see it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from lightagent.application.flow.active_flow import ActiveFlow
from lightagent.application.flow.flow_trace import flow_trace
from lightagent.application.flow.show_flow import flow_result
from lightagent.ports.flow_telemetry import FlowEnd


@contextmanager
def watched(flow: ActiveFlow) -> Iterator[None]:
    """A context in which the spans of the run are current; lines about it are logged afterwards."""
    known = len(flow.events) if len(flow.events) > 1 else 0  # Lines of a new run include its beginning.
    watchers = flow.watchers
    leave = None if watchers is None else watchers.enter_flow(flow.clock.now())
    was_left = True
    try:
        yield
        was_left = False
    finally:
        if leave is not None:
            leave()
        if watchers is not None:
            watchers.left(_end(flow, was_left=was_left))
        started = flow.state.started
        with nullcontext() if watchers is None else watchers.logging():
            flow.write_lines(flow.state.definition.name, started.trace_id, lambda: flow_trace(flow.events, since=known))


def _end(flow: ActiveFlow, *, was_left: bool) -> FlowEnd:
    now = flow.clock.now()
    if was_left:
        return FlowEnd("interrupted", at=now)
    result = flow_result(flow.state, flow.events)
    return FlowEnd(result.status, result.content, result.error, now)
