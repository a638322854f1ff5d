"""The workflow of flows after a careless change: it begins with something that its histories do not have."""

from __future__ import annotations

from temporalio import workflow

from lightagent.adapters.engines.temporal.workflow import FlowWorkflow

with workflow.unsafe.imports_passed_through():
    from lightagent.adapters.engines.temporal.orders import WORKFLOW, FlowInput, FlowOutput


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
