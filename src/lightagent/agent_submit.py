"""Give runs of an agent to an engine, which carries them out without their caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lightagent.agent_preview import PreviewAgent
from lightagent.aiokits.sync_bridge import run_sync
from lightagent.application.projections.result import OutputT_co
from lightagent.application.tools.deps import DepsT_contra
from lightagent.compose.submitting import submitting_name

if TYPE_CHECKING:  # Agents that submit nothing load nothing of flows.
    from lightagent.flow import LightFlow
    from lightagent.run_handle import RunHandle


class SubmittingAgent(PreviewAgent[DepsT_contra, OutputT_co]):
    """An agent whose runs can be given to an engine."""

    __slots__ = ()

    def submit(
        self: SubmittingAgent[None, OutputT_co], query: str, *, run_id: str = "", user_id: str = "", tenant: str = ""
    ) -> RunHandle[OutputT_co]:
        """Give a run to the agent's `engine`, and return its handle once the run is on record.

        The engine carries it out without its caller: with workers that have an agent of this name, or in this process
        if `engine` is a journal store.

        Args:
            query: text.
            run_id: names the run; a new one unless given. One of a run that is not over is refused.
            user_id, tenant: whose run it is; it is not found under any other.

        Raises:
            ConfigurationError: the agent has no engine, no name or takes dependencies; the run id is taken; or no
                worker has the agent.
            StoreError: the engine cannot be reached.
        """
        return run_sync(self.asubmit(query, run_id=run_id, user_id=user_id, tenant=tenant))

    async def asubmit(
        self: SubmittingAgent[None, OutputT_co], query: str, *, run_id: str = "", user_id: str = "", tenant: str = ""
    ) -> RunHandle[OutputT_co]:
        """`submit` for async callers."""
        from lightagent.run_handle import begin_submitted

        flow = self._on_engine()
        begun = await begin_submitted(flow, query, run_id, user_id, tenant)
        return self._handle(flow, begun, user_id, tenant)

    def run_handle(
        self: SubmittingAgent[None, OutputT_co], run_id: str, *, user_id: str = "", tenant: str = ""
    ) -> RunHandle[OutputT_co]:
        """Return the handle of a run that was submitted, in whichever process. Whether it exists is not looked up.

        Raises:
            ConfigurationError: the agent has no engine or no name, or an id is not text.
        """
        return self._handle(self._on_engine(), run_id, user_id, tenant)

    def as_flow(self: SubmittingAgent[None, OutputT_co]) -> LightFlow:
        """Return the flow of one step that a submitted run is, for a `FlowWorker` and the methods of flows.

        It has the agent's engine or store; without one it can be given one, as any flow.

        Raises:
            ConfigurationError: the agent has no name, or takes dependencies.
        """
        from lightagent.run_handle import flow_of_agent

        submitting, name = self._submitting, submitting_name(self.name)
        if submitting.is_given and submitting.store is None:
            return flow_of_agent(self, name, self.means, engine=submitting.engine)
        return flow_of_agent(self, name, self.means, store=submitting.store)

    def _on_engine(self: SubmittingAgent[None, OutputT_co]) -> LightFlow:
        from lightagent.run_handle import flow_of_agent

        engine = self._submitting.engine
        return flow_of_agent(self, submitting_name(self.name), self.means, engine=engine)

    def _handle(self, flow: LightFlow, run_id: str, user_id: str, tenant: str) -> RunHandle[OutputT_co]:
        from lightagent.run_handle import RunHandle

        return RunHandle(flow, self._output.parse, run_id, user_id=user_id, tenant=tenant)
