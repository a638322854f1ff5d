"""A flow whose runs an engine carries out that its caller has chosen: what a flow does, said to the engine's port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from lightagent.application.check_options import check_text
from lightagent.application.flow.flow_code import FlowSteps
from lightagent.application.flow.flow_request import FlowRequest
from lightagent.application.flow.flow_step import LightFlowStep, by_work
from lightagent.application.flow.seen_flow import Seen
from lightagent.application.flow.show_flow import flow_result
from lightagent.application.flow.step_result import LightFlowResult
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.events import FlowEvent, FlowStarted, Signalled
from lightagent.domain.flow.limits import FlowLimits
from lightagent.domain.flow.state import fold
from lightagent.domain.flow.validation import validate
from lightagent.domain.json_checks import to_json
from lightagent.domain.json_types import JsonInput, JsonObject
from lightagent.domain.review import ApprovalDecision
from lightagent.domain.scopes import Scope
from lightagent.ports.flow_engine import FlowEngine, FlowRun
from lightagent.ports.system import Clock, IdSource


class EngineFlows:
    """The runs of one flow on an engine: begins them, tells them what was decided, and finds them again.

    Args:
        name: of the flow.
        limits: how large a run may become.
        seen: how traces see the runs; telemetry of them is up to the engine.
    """

    def __init__(
        self, engine: FlowEngine, clock: Clock, ids: IdSource, name: str, limits: FlowLimits, seen: Seen
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._ids = ids
        self._name = name
        self._limits = limits
        self._seen = seen

    async def begin(self, steps: Sequence[LightFlowStep], query: str, request: FlowRequest) -> LightFlowResult:
        """A new run, to its end or until it waits; see `FlowRuns.begin`."""
        flow = self._code(steps)
        definition = flow.definition
        found = validate(definition)
        if found.errors:
            raise ConfigurationError(f"The flow cannot run: {'; '.join(found.errors)}.", guidance="See validate().")
        started = FlowStarted(
            request.run_id or self._ids.new(),
            definition,
            query,
            request.scope,
            self._limits,
            trace_id=self._ids.new(),
            parent_trace_id=request.parent_trace_id,
            run_group_id=request.run_group_id,
            at=self._clock.now(),
        )
        return self._result(await self._engine.begin(flow, started), steps, request)

    async def resume(self, steps: Sequence[LightFlowStep], request: FlowRequest) -> LightFlowResult:
        """Go on with a run; see `FlowRuns.resume`."""
        return self._result(await self._engine.resume(self._code(steps), _run(request)), steps, request)

    async def rerun(self, steps: Sequence[LightFlowStep], path: str, request: FlowRequest) -> LightFlowResult:
        """Do a step again, and all that rests on it; see `FlowRuns.rerun`."""
        return self._result(await self._engine.rerun(self._code(steps), _run(request), path), steps, request)

    async def decide(
        self, steps: Sequence[LightFlowStep], owner: Scope, run_id: str, step: str, decision: ApprovalDecision
    ) -> None:
        """Decide about a step that waits; see `FlowDesk.decide`."""
        check_text(run_id, "run_id")
        await self._engine.decide(self._code(steps), FlowRun(owner, run_id), step, decision)

    async def signal(self, owner: Scope, run_id: str, event: str, payload: JsonInput, key: str) -> bool:
        """Tell a run of an event from outside; see `FlowDesk.signal`."""
        for text, option in ((run_id, "run_id"), (event, "event"), (key, "key")):
            check_text(text, option)
        told = Signalled(event, to_json(payload, "signal: payload"), key, at=self._clock.now())
        return await self._engine.signal(FlowRun(owner, run_id), told)

    async def cancel(self, owner: Scope, run_id: str, reason: str) -> None:
        """Cancel a run; see `FlowDesk.cancel`."""
        check_text(run_id, "run_id")
        await self._engine.cancel(FlowRun(owner, run_id), reason)

    async def get(self, owner: Scope, run_id: str) -> JsonObject | None:
        """What is on record of a run; None where this owner has no such run."""
        check_text(run_id, "run_id")
        events = await self._engine.events(FlowRun(owner, run_id))
        return _record(events, owner) if events else None

    async def list(self, owner: Scope) -> AsyncIterator[JsonObject]:
        """The same of all runs of an owner, the newest first."""
        async for run_id in self._engine.runs(owner):
            record = await self.get(owner, run_id)
            if record is not None:
                yield record

    def _result(
        self, events: Sequence[FlowEvent], steps: Sequence[LightFlowStep], request: FlowRequest
    ) -> LightFlowResult:
        tracing = self._seen.tracing(by_work(steps)) if request.traced else None
        return flow_result(fold(events), events, traced=tracing)

    def _code(self, steps: Sequence[LightFlowStep]) -> FlowSteps:
        return FlowSteps(self._name, steps, self._clock)


def _run(request: FlowRequest) -> FlowRun:
    return FlowRun(request.scope, request.run_id)


def _record(events: Sequence[FlowEvent], owner: Scope) -> JsonObject:
    state = fold(events)
    told = flow_result(state, events, status="running" if state.status == "running" else None).to_dict()
    del told["trace"]
    return {
        **told,
        "flow": state.definition.name,
        "query": state.input,
        "user_id": owner.user,
        "tenant": owner.tenant,
        "created_at": events[0].at,
        "updated_at": events[-1].at,
    }
