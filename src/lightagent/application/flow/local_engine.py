"""The engine in this process, over any journal store: the default engine of flows."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from lightagent.application.flow.flow_code import FlowSteps
from lightagent.application.flow.flow_desk import FlowDesk
from lightagent.application.flow.flow_log import KIND, flow_key, read_flow
from lightagent.application.flow.flow_request import FlowRequest
from lightagent.application.flow.flow_runs import FlowRuns
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.listeners import Listeners
from lightagent.application.journals.read_streams import list_streams
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.events import FlowEvent, FlowStarted, Signalled
from lightagent.domain.flow.limits import DEFAULT_FLOW_LIMITS, FlowLimits
from lightagent.domain.flow.outputs import StepOutput
from lightagent.domain.flow.state import fold
from lightagent.domain.journals.streams import StreamQuery
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.scopes import Scope
from lightagent.ports.flow_engine import FlowCode, FlowEngine, FlowRun
from lightagent.ports.journals import JournalStore
from lightagent.ports.system import Clock, IdSource


class LocalEngine(FlowEngine):
    """Carries out runs in the caller's event loop. A run whose caller is cancelled is interrupted.

    Args:
        store: where the events are kept.
    """

    def __init__(self, store: JournalStore, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._listeners = Listeners()
        self._desk = FlowDesk(store, clock, self._listeners)

    async def begin(self, flow: FlowCode, started: FlowStarted) -> Sequence[FlowEvent]:
        request = FlowRequest(
            started.scope,
            started.run_id,
            parent_trace_id=started.parent_trace_id,
            run_group_id=started.run_group_id,
        )
        runs, steps = self._of(flow, started.limits)
        await runs.begin(steps, StepOutput(started.input).text, request)
        return await self.events(FlowRun(started.scope, started.run_id))

    async def fork(self, flow: FlowCode, past: Sequence[FlowEvent]) -> Sequence[FlowEvent]:
        state = fold(past)
        run = FlowRun(state.started.scope, state.run_id)
        runs, steps = self._of(flow)
        await runs.begin_with(steps, list(past), FlowRequest(run.owner, run.run_id))
        return await self.events(run)

    async def resume(self, flow: FlowCode, run: FlowRun, accept: Sequence[str] = ()) -> Sequence[FlowEvent]:
        runs, steps = self._of(flow)
        await runs.resume(steps, FlowRequest(run.owner, run.run_id, accept=tuple(accept)))
        return await self.events(run)

    async def rerun(self, flow: FlowCode, run: FlowRun, step: str, accept: Sequence[str] = ()) -> Sequence[FlowEvent]:
        runs, steps = self._of(flow)
        await runs.rerun(steps, step, FlowRequest(run.owner, run.run_id, accept=tuple(accept)))
        return await self.events(run)

    async def decide(self, flow: FlowCode, run: FlowRun, step: str, decision: ApprovalDecision) -> None:
        _, steps = self._of(flow)
        await self._desk.decide(steps, run.owner, run.run_id, step, decision)

    async def signal(self, run: FlowRun, signal: Signalled) -> bool:
        return await self._desk.signal(run.owner, run.run_id, signal.name, signal.payload, signal.key)

    async def cancel(self, run: FlowRun, reason: str) -> None:
        await self._desk.cancel(run.owner, run.run_id, reason)

    async def events(self, run: FlowRun) -> Sequence[FlowEvent]:
        _, events = await read_flow(self._store, flow_key(run.run_id, run.owner))
        return events

    async def runs(self, owner: Scope) -> AsyncIterator[str]:
        async for stream in list_streams(self._store, StreamQuery(kind=KIND, tenant=owner.tenant, user=owner.user)):
            yield stream.key.id

    async def aclose(self) -> None:
        await self._store.aclose()

    def _of(self, flow: FlowCode, limits: FlowLimits = DEFAULT_FLOW_LIMITS) -> tuple[FlowRuns, Sequence[LightFlowStep]]:
        """What carries out the runs of a flow here, where its steps are called directly."""
        if not isinstance(flow, FlowSteps):
            raise ConfigurationError(
                f"The engine in this process runs a LightFlow, not a {type(flow).__name__}.",
                guidance="Pass the engine to LightFlow(engine=...).",
            )
        runs = FlowRuns(self._store, self._clock, self._ids, flow.name, self._listeners, coded=True, limits=limits)
        return runs, flow.steps
