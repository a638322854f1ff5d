"""The workflow of flows after careless changes: it does something that its histories do not have."""

from __future__ import annotations

from temporalio import workflow

from lightagent.adapters.engines.temporal.workflow import FlowWorkflow

with workflow.unsafe.imports_passed_through():
    from lightagent.adapters.engines.temporal.orders import RECORD, WORKFLOW, FlowInput, FlowOutput, Notes, read_all


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


@workflow.defn(name=WORKFLOW)
class ChangedRecordingWorkflow(FlowWorkflow):
    """One run of any flow, which takes its time over what an agent has done."""

    @workflow.init
    def __init__(self, given: FlowInput) -> None:
        super().__init__(given)

    @workflow.run
    async def run(self, given: FlowInput) -> FlowOutput:
        """As before."""
        return await super().run(given)

    @workflow.update(name=RECORD)
    async def record(self, notes: Notes) -> None:
        """As before, after a pause that no history has."""
        await workflow.sleep(1)
        self._loop.note(read_all(notes.events))
