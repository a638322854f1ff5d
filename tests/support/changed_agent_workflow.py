"""The workflow of `agent_workflow`, after a careless change: its agent makes no second attempt at a request."""

from __future__ import annotations

from temporalio import workflow

from lightagent import LightAgent, Limits
from tests.support.agent_workflow import ActivityModel, ActivityTool, WorkflowClock, WorkflowIds


@workflow.defn(name="AgentWorkflow")
class ChangedAgentWorkflow:
    """One run of one agent, which gives up at the first failure."""

    @workflow.run
    async def run(self, question: str) -> list[str]:
        """The outcome alone."""
        agent = LightAgent(
            name="clerk",
            model=ActivityModel(),
            tools=[ActivityTool()],
            limits=Limits(timeout=600, max_retry=1),
            clock=WorkflowClock(),
            ids=WorkflowIds(),
        )
        result = await agent.arun(question, result_format="object")
        return [result.outcome.kind]
