"""A flow whose runs are carried out by an engine that its caller has chosen: the flow's operations over that port."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from lightagent.application.check_options import check_text
from lightagent.application.flow.changed_flow import HeldRun, held_run
from lightagent.application.flow.engine_listing import listed_runs
from lightagent.application.flow.flow_code import FlowSteps
from lightagent.application.flow.flow_log import no_such_run
from lightagent.application.flow.flow_request import FlowRequest
from lightagent.application.flow.flow_step import LightFlowStep, by_work
from lightagent.application.flow.flow_watchers import FlowWatchers
from lightagent.application.flow.fork_flow import ForkPoint, forked, new_id
from lightagent.application.flow.seen_elsewhere import seen_call
from lightagent.application.flow.seen_flow import Seen
from lightagent.application.flow.show_flow import flow_result
from lightagent.application.flow.step_result import LightFlowResult
from lightagent.application.flow.value_sizes import check_size
from lightagent.domain.errors import ConfigurationError, IncompleteListing
from lightagent.domain.flow.events import FlowEvent, FlowStarted, Signalled
from lightagent.domain.flow.limits import FlowLimits
from lightagent.domain.flow.state import fold
from lightagent.domain.flow.validation import validate
from lightagent.domain.json_checks import to_json
from lightagent.domain.json_types import JsonInput
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.scopes import Scope
from lightagent.ports.flow_engine import FlowEngine, FlowRun
from lightagent.ports.system import Clock, IdSource


class EngineFlows:
    """The runs of one flow on an engine: begins them, goes on with them, and passes decisions on to them.

    Args:
        name: of the flow.
        limits: how large a run may become.
        seen: how traces and telemetry see the runs.
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
        flow, watchers = self.code(steps), self._seen.watchers()
        started = self._new(flow, query, request, watchers)
        if watchers is not None:
            watchers.begin_called(())
            watchers.see(started)
        events = await seen_call(watchers, (started,), self._engine.begin(flow, started), self._clock)
        return self._result(events, steps, request)

    async def start(self, steps: Sequence[LightFlowStep], query: str, request: FlowRequest) -> str:
        """Begin a new run that goes on without its caller; returns its id once it is on record.

        Raises:
            ConfigurationError: the steps are not valid, or the run id is taken by a run that is not over.
        """
        flow = self.code(steps)
        started = self._new(flow, query, request, self._seen.watchers())
        await self._engine.start(flow, started)
        return started.run_id

    async def wait(self, steps: Sequence[LightFlowStep], owner: Scope, run_id: str) -> Sequence[FlowEvent]:
        """All events of a run, once it is over or waits; see `FlowEngine.wait`."""
        return await self._engine.wait(self.code(steps), FlowRun(owner, run_id))

    async def events(self, owner: Scope, run_id: str) -> Sequence[FlowEvent]:
        """What is on record of a run by now; empty if this owner has no such run."""
        return await self._engine.events(FlowRun(owner, run_id))

    def _new(self, flow: FlowSteps, query: str, request: FlowRequest, watchers: FlowWatchers | None) -> FlowStarted:
        """How a run begins; it belongs to the trace in which it is called, if any."""
        definition = flow.definition
        check_size(query, self._limits.max_value, "", "input")
        found = validate(definition, self._limits)
        if found.errors:
            raise ConfigurationError(f"The flow cannot run: {'; '.join(found.errors)}.", guidance="See validate().")
        return FlowStarted(
            request.run_id or self._ids.new(),
            definition,
            query,
            request.scope,
            self._limits,
            trace_id=(watchers.trace_id if watchers is not None else "") or self._ids.new(),
            parent_trace_id=request.parent_trace_id,
            run_group_id=request.run_group_id,
            at=self._clock.now(),
        )

    async def resume(self, steps: Sequence[LightFlowStep], request: FlowRequest) -> LightFlowResult:
        """Go on with a run; see `FlowRuns.resume`."""
        events = await self._engine.resume(self.code(steps), _run(request), request.accept)
        return self._result(events, steps, request)

    async def rerun(self, steps: Sequence[LightFlowStep], path: str, request: FlowRequest) -> LightFlowResult:
        """Do a step again, and all that rests on it; see `FlowRuns.rerun`."""
        events = await self._engine.rerun(self.code(steps), _run(request), path, request.accept)
        return self._result(events, steps, request)

    async def fork(self, steps: Sequence[LightFlowStep], point: ForkPoint, request: FlowRequest) -> LightFlowResult:
        """Begin a run with what happened in another one up to a point; see `FlowRuns.fork`."""
        run_id = new_id(point, request, self._ids)
        known = await self._engine.events(FlowRun(request.scope, point.source))
        if not known:
            raise no_such_run(point.source)
        code, now = self.code(steps), self._clock.now()
        events = forked(known, point, run_id, now)
        changed = code.changed(events, request.accept, now)
        if changed is not None:
            events.append(changed)
        watchers = self._seen.watchers()
        if watchers is not None:
            watchers.begin_called(events)
        carried = await seen_call(watchers, events, self._engine.fork(code, events), self._clock)
        return self._result(carried, steps, request)

    async def held(self, steps: Sequence[LightFlowStep], owner: Scope) -> AsyncIterator[HeldRun]:
        """The runs that these steps cannot go on with; see `changed_flow.held_runs`."""
        definition, works = self.code(steps).definition, by_work(steps)
        unread = list[str]()
        async for listed in listed_runs(self._engine, owner):
            if listed.error is not None and (listed.outline is None or listed.outline.flow in ("", definition.name)):
                unread.append(f"The run {listed.run_id!r:.100} cannot be read: {listed.error.message}")
            elif (held := held_run(listed.events, definition, works)) is not None:
                yield held
        if unread:
            raise IncompleteListing(tuple(unread))

    async def decide(
        self, steps: Sequence[LightFlowStep], owner: Scope, run_id: str, step: str, decision: ApprovalDecision
    ) -> None:
        """Decide about a step that waits; see `FlowDesk.decide`."""
        check_text(run_id, "run_id")
        await self._engine.decide(self.code(steps), FlowRun(owner, run_id), step, decision)

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

    def _result(
        self, events: Sequence[FlowEvent], steps: Sequence[LightFlowStep], request: FlowRequest
    ) -> LightFlowResult:
        tracing = self._seen.tracing(by_work(steps)) if request.traced else None
        return flow_result(fold(events), events, traced=tracing)

    def code(self, steps: Sequence[LightFlowStep]) -> FlowSteps:
        """The steps as the engine and its workers call them."""
        return FlowSteps(self._name, steps, self._clock, self._seen)


def _run(request: FlowRequest) -> FlowRun:
    return FlowRun(request.scope, request.run_id)
