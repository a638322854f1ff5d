"""A run of a flow as its caller wants it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lightagent.application.flow.flow_outlet import FlowOutlet
from lightagent.domain.scopes import Scope


@dataclass(frozen=True, slots=True)
class FlowRequest:
    """One run as its caller wants it.

    Attributes:
        scope: whose run it is.
        run_id: names it; of a new run, empty for a new name.
        traced: keep the trace.
        outlet: passes the run's events to the consumer of a stream; None without a stream.
        accept: steps whose results count although they do other work now.
    """

    scope: Scope
    run_id: str = ""
    traced: bool = False
    accept: tuple[str, ...] = ()
    parent_trace_id: str = ""
    run_group_id: str = ""
    outlet: FlowOutlet | None = None

    def shown(self, outlet: FlowOutlet) -> FlowRequest:
        """The same, watched."""
        return replace(self, outlet=outlet)
