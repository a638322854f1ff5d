"""What a flow is made of besides its steps."""

from __future__ import annotations

from dataclasses import dataclass

from lightagent.application.flow.engine_flows import EngineFlows
from lightagent.application.flow.engine_records import EngineRecords
from lightagent.application.flow.flow_desk import FlowDesk
from lightagent.application.flow.flow_records import FlowRecords
from lightagent.application.flow.flow_runs import FlowRuns
from lightagent.domain.flow.limits import DEFAULT_FLOW_LIMITS, FlowLimits
from lightagent.ports.flow_engine import FlowEngine
from lightagent.ports.journals import JournalStore
from lightagent.ports.policy import Gate
from lightagent.ports.system import Clock


@dataclass(frozen=True, slots=True)
class FlowParts:
    """What a flow is made of besides its steps.

    Attributes:
        name: of the flow.
        store: where its runs are kept.
        runs: begins them and goes on with them.
        desk: delivers messages to them.
        records: finds them and lists them.
        clock: tells the time.
        is_kept: its caller gave it a store, so others may go on with its runs.
        outlives: runs outlive the process, so that steps are compared with those that a run was begun with.
        engine: carries them out; None: this process does.
        gates: the hooks and policies that review them.
        limits: how large they may become.
    """

    name: str
    store: JournalStore
    runs: FlowRuns | EngineFlows
    desk: FlowDesk | EngineFlows
    records: FlowRecords | EngineRecords
    clock: Clock
    is_kept: bool
    outlives: bool = False
    engine: FlowEngine | None = None
    gates: tuple[Gate, ...] = ()
    limits: FlowLimits = DEFAULT_FLOW_LIMITS
