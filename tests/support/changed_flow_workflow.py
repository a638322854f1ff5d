"""The workflow of flows after careless changes: it does something that its histories do not have."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from temporalio import workflow

from lightagent.adapters.engines.temporal.workflow import FlowWorkflow

with workflow.unsafe.imports_passed_through():
    from lightagent.adapters.engines.temporal.orders import WORKFLOW, FlowInput, FlowOutput
    from lightagent.adapters.engines.temporal.run_loop import RunLoop
    from lightagent.domain.flow.events import FlowEvent


@workflow.defn(name=WORKFLOW)
class ChangedFlowWorkflow(FlowWorkflow):
    """One run of any flow, which begins later."""

    @workflow.init
    def __init__(self, given: FlowInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: FlowInput) -> FlowOutput:
        """As before, after a pause that no history has."""
        await workflow.sleep(1)
        return await super().run(given)


class _ChangedLoop(RunLoop):
    """Waits after each note of an agent."""

    def note(self, events: Sequence[FlowEvent]) -> None:
        super().note(events)
        self._pause = asyncio.ensure_future(workflow.sleep(1))


@workflow.defn(name=WORKFLOW)
class ChangedRecordingWorkflow(FlowWorkflow):
    """One run of any flow, which takes its time over what an agent has done."""

    @workflow.init
    def __init__(self, given: FlowInput) -> None:
        super().__init__(given)
        self._loop = _ChangedLoop(given)

    @workflow.run
    async def run(self, given: FlowInput) -> FlowOutput:
        """As before."""
        return await super().run(given)
