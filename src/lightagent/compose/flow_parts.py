"""What a flow is made of besides its steps."""

from __future__ import annotations

from dataclasses import dataclass

from lightagent.application.flow.engine_flows import EngineFlows
from lightagent.application.flow.flow_desk import FlowDesk
from lightagent.application.flow.flow_records import FlowRecords
from lightagent.application.flow.flow_runs import FlowRuns
from lightagent.domain.errors import ConfigurationError
from lightagent.ports.flow_engine import FlowEngine
from lightagent.ports.journals import JournalStore
from lightagent.ports.system import Clock


@dataclass(frozen=True, slots=True)
class FlowParts:
    """What a flow is made of besides its steps.

    Attributes:
        name: of the flow.
        store: where its runs are kept.
        runs: begins them and goes on with them.
        desk: where they are told what was decided.
        records: where they are found again.
        clock: tells the time.
        is_kept: its caller gave it a store, so others may go on with its runs.
        outlives: runs outlive the process, so that steps are compared with those that a run was begun with.
        engine: carries them out; None: this process does.
    """

    name: str
    store: JournalStore
    runs: FlowRuns | EngineFlows
    desk: FlowDesk | EngineFlows
    records: FlowRecords | EngineFlows
    clock: Clock
    is_kept: bool
    outlives: bool = False
    engine: FlowEngine | None = None

    @property
    def stored_runs(self) -> FlowRuns:
        """`runs`, where this process carries them out.

        Raises:
            ConfigurationError: an engine does.
        """
        if isinstance(self.runs, EngineFlows):
            raise _on_an_engine()
        return self.runs

    @property
    def stored_records(self) -> FlowRecords:
        """`records`, where they are in a store of the flow's own.

        Raises:
            ConfigurationError: an engine has them.
        """
        if isinstance(self.records, EngineFlows):
            raise _on_an_engine()
        return self.records


def _on_an_engine() -> ConfigurationError:
    return ConfigurationError(
        "An engine carries out the runs of this flow; they cannot be forked, compared, watched or drawn from here.",
        guidance="Use get_run() and list_runs(), or what the engine shows; or a flow with store= and no engine=.",
    )
