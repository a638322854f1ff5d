"""Where something belongs: the run, its trace and its owner, as one value that travels with requests and calls."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

from lightagent.domain.scopes import NO_SCOPE, Scope

TraceHeaders: TypeAlias = tuple[tuple[str, str], ...]
"""HTTP headers that carry a trace to another process, such as ``(("traceparent", "00-…"),)``."""

CALLED_IN: Final = "called_in"
"""The kind of the note that tells the trace which a run is called in, where its caller gave it another trace id."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The place in a run that something comes from; empty outside of a run.

    Attributes:
        run_id, trace_id, parent_trace_id, run_group_id: of the run.
        agent_name: the agent that acts.
        scope: whose run it is.
        turn: the model request it belongs to, counted from 1; 0 before the first.
        attempt: at that request, counted from 1.
        path: the ids of the calls that lead from the outermost run to this one, outermost first.
        trace_headers: to be sent along with requests to other processes.
        flow_id, step: the id of the run of a flow that this belongs to, and the path of the step; empty where there is
            none.
    """

    run_id: str = ""
    trace_id: str = ""
    parent_trace_id: str = ""
    run_group_id: str = ""
    agent_name: str = ""
    scope: Scope = NO_SCOPE
    turn: int = 0
    attempt: int = 1
    path: tuple[str, ...] = ()
    trace_headers: TraceHeaders = field(default=(), repr=False)
    flow_id: str = ""
    step: str = ""

    def sending(self, headers: TraceHeaders) -> Origin:
        """The same place with these headers; a plain call, since `replace` takes five times as long."""
        if not headers:
            return self
        return Origin(
            self.run_id,
            self.trace_id,
            self.parent_trace_id,
            self.run_group_id,
            self.agent_name,
            self.scope,
            self.turn,
            self.attempt,
            self.path,
            headers,
            self.flow_id,
            self.step,
        )

    def within(self, flow_id: str, step: str) -> Origin:
        """The same place in a step of a flow."""
        return replace(self, flow_id=flow_id, step=step)


NO_ORIGIN = Origin()
"""Outside of any run."""
