"""Begins runs of a flow, goes on with them, and does steps of them again, each run under the lease of its stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from lightagent.aiokits.abandon import to_the_end
from lightagent.application.apply_policy import policy_names
from lightagent.application.flow.active_flow import ActiveFlow
from lightagent.application.flow.ask_people import ask_all_again, settling
from lightagent.application.flow.changed_flow import HeldRun, change_to, held_runs
from lightagent.application.flow.decide_step import node_path
from lightagent.application.flow.flow_gate import FlowGate, check_policies
from lightagent.application.flow.flow_inbox import FlowInbox, take_said
from lightagent.application.flow.flow_log import StoredLog, flow_key, read_flow
from lightagent.application.flow.flow_request import FlowRequest
from lightagent.application.flow.flow_reviews import FlowReviews, waiting_nodes
from lightagent.application.flow.flow_spell import watched
from lightagent.application.flow.flow_step import LightFlowStep, by_work, definition_of
from lightagent.application.flow.flow_values import FlowValues
from lightagent.application.flow.flow_watchers import FlowWatchers
from lightagent.application.flow.fork_flow import ForkPoint, forked
from lightagent.application.flow.listen import listening
from lightagent.application.flow.listeners import Listeners
from lightagent.application.flow.review_run import may_rerun, may_resume
from lightagent.application.flow.run_flow import run_flow
from lightagent.application.flow.seen_flow import UNSEEN, Seen
from lightagent.application.flow.show_flow import flow_result
from lightagent.application.flow.step_code import CodedDefinitions
from lightagent.application.flow.step_result import LightFlowResult
from lightagent.application.flow.underway import MOST_AT_ONCE
from lightagent.application.flow.value_sizes import check_size
from lightagent.application.hold_lease import SECONDS
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.definition import FlowDefinition
from lightagent.domain.flow.events import FlowEvent, FlowStarted, RerunRequested, Resumed
from lightagent.domain.flow.limits import DEFAULT_FLOW_LIMITS, FlowLimits
from lightagent.domain.flow.state import FlowState, fold
from lightagent.domain.flow.validation import validate
from lightagent.domain.journal_streams import StreamKey
from lightagent.domain.last_results import LastResults
from lightagent.domain.policy import Decision
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore
from lightagent.ports.policy import Gate
from lightagent.ports.system import Clock, IdSource

_OVER: Final = ("success", "failed", "cancelled")

_WAIT: Final = SECONDS + 1.0
"""Seconds to wait for whoever has a run: the lease of a process that died has ended by then."""

WORKER_WAIT: Final = 5.0
"""Seconds that a worker waits within a run for a moment, unless the flow says so: it comes back once that is there."""


class FlowRuns:
    """The runs of one flow.

    Args:
        name: of the flow.
        most: attempts of one run at the same time.
        most_kept: runs that are over, of which the oldest are forgotten then; None: nothing is ever forgotten.
        gates: what reviews them.
        seen: how telemetry and logs see them.
        reviews: where people are asked about steps.
        coded: definitions have the digests of the steps' code.
        limits: of new runs.
        max_wait: seconds that a run waits here for a moment; None: however long.
    """

    def __init__(
        self,
        store: JournalStore,
        clock: Clock,
        ids: IdSource,
        name: str,
        listeners: Listeners,
        most: int = MOST_AT_ONCE,
        most_kept: int | None = None,
        gates: tuple[Gate, ...] = (),
        seen: Seen = UNSEEN,
        reviews: FlowReviews | None = None,
        coded: bool = False,
        limits: FlowLimits = DEFAULT_FLOW_LIMITS,
        max_wait: float | None = None,
    ) -> None:
        self._reviews = reviews
        self._seen = seen
        self._store = store
        self._gates = gates
        self._clock = clock
        self._ids = ids
        self._listeners = listeners
        self._most = most
        self._most_kept = most_kept
        self._limits = limits
        self._max_wait = max_wait
        self._over: dict[StreamKey, None] = {}
        plain = LastResults[Sequence[LightFlowStep], FlowDefinition](partial(definition_of, name))
        self._definition: Callable[[Sequence[LightFlowStep]], FlowDefinition] = (
            CodedDefinitions(name) if coded else plain
        )
        self._works = LastResults(by_work)

    async def begin(self, steps: Sequence[LightFlowStep], query: str, request: FlowRequest) -> LightFlowResult:
        """A new run, to its end or until it waits.

        Raises:
            ConfigurationError: the steps are not valid, or the run id is that of a run which is not over.
            StoreError: the run cannot be kept.
        """
        definition = self._definition(steps)
        check_size(query, self._limits.max_value, "", "input")
        found = validate(definition)
        if found.errors:
            raise ConfigurationError(f"The flow cannot run: {'; '.join(found.errors)}.", guidance="See validate().")
        run_id = request.run_id or self._ids.new()
        watchers = self._seen.watchers()
        started = FlowStarted(
            run_id,
            definition,
            query,
            request.scope,
            self._limits,
            trace_id=(watchers.trace_id if watchers is not None else "") or self._ids.new(),
            parent_trace_id=request.parent_trace_id,
            run_group_id=request.run_group_id,
            policies=policy_names(self._gates),
            at=self._clock.now(),
        )
        async with self._new(run_id, request.scope, named=bool(request.run_id)) as log:
            state = FlowState(started)
            flow = self._active(steps, state, [], log, request, watchers)
            await log.append([started], "running")
            flow.events.append(started)
            if watchers is not None:
                watchers.see(started)
            with watched(flow):
                async with settling(flow):
                    await self._run(flow, log)
        return self._result(flow)

    async def resume(self, steps: Sequence[LightFlowStep], request: FlowRequest) -> LightFlowResult:
        """Go on with a run; one that has succeeded is given as it is.

        Raises:
            ConfigurationError: there is no such run, or what it has done does not fit these steps.
            LeaseHeld: somebody goes on with it now.
            StoreError: it cannot be read or written.
        """
        async with self._taken(steps, request) as (flow, log):
            if flow.state.status != "success":
                with watched(flow):
                    async with settling(flow):
                        await self._go_on(flow, log, await may_resume(flow))
        return self._result(flow)

    async def take_over(self, steps: Sequence[LightFlowStep], request: FlowRequest) -> tuple[LightFlowResult, int]:
        """Go on with a run that nobody has, unless it is over; with the sequence of its last event afterwards.

        Unlike with `resume`, what has failed is not tried anew, and a run that was cancelled stays so: of those, nobody
        has said that they shall go on.

        Raises:
            LeaseHeld: somebody else was quicker.
            ConfigurationError, StoreError: as `resume`.
        """
        async with self._taken(steps, request, wait=0.0) as (flow, log):
            with watched(flow):
                async with settling(flow):
                    if flow.state.cancelled and flow.state.status == "running":
                        await run_flow(flow, most=self._most)
                    elif flow.state.status not in _OVER:
                        await self._ask_and_run(flow, log, WORKER_WAIT if self._max_wait is None else self._max_wait)
        return flow_result(flow.state, flow.events), len(flow.events)

    async def rerun(self, steps: Sequence[LightFlowStep], path: str, request: FlowRequest) -> LightFlowResult:
        """Do a step again, and all that rests on it.

        Args:
            path: of the step; the name of a step of the flow itself will do.

        Raises:
            ConfigurationError: there is no such run or step, or the step has not begun.
            LeaseHeld, StoreError: as `resume`.
        """
        async with self._taken(steps, request, path) as (flow, log):
            with watched(flow):
                async with settling(flow):
                    await self._run(flow, log)
        return self._result(flow)

    def _result(self, flow: ActiveFlow) -> LightFlowResult:
        return flow_result(flow.state, flow.events, traced=self._seen.tracing(flow.steps) if flow.traced else None)

    async def fork(self, steps: Sequence[LightFlowStep], point: ForkPoint, request: FlowRequest) -> LightFlowResult:
        """Begin a run with what happened in another one up to a point, and go on with it by these steps.

        Args:
            request: of the new run.

        Raises:
            ConfigurationError: there is no such run or point, the steps do not fit what is kept, or the new run's id
                is taken.
            StoreError: one of the two cannot be read or written.
        """
        run_id = request.run_id or self._ids.new()
        if run_id == point.source:
            raise ConfigurationError("A fork has another run_id than its source.", guidance="Leave new_run_id out.")
        _, known = await read_flow(self._store, flow_key(point.source, request.scope))
        if not known:
            raise no_such_run(point.source)
        events = forked(known, point, run_id, self._clock.now())
        definition = self._definition(steps)
        check_policies(fold(events).started.policies, FlowGate(self._gates))
        if definition != fold(events).definition:
            events.append(change_to(events, definition, request.accept, self._clock.now()))
        async with self._new(run_id, request.scope, named=bool(request.run_id)) as log:
            await log.append(events, "running")
            flow = self._active(steps, fold(events), events, log, request, self._seen.watchers())
            with watched(flow):
                async with settling(flow):
                    await self._run(flow, log)
        return self._result(flow)

    def held(self, steps: Sequence[LightFlowStep], owner: Scope) -> AsyncIterator[HeldRun]:
        """The runs that these steps cannot go on with; see `changed_flow.held_runs`."""
        return held_runs(self._store, owner, self._definition(steps))

    async def _run(self, flow: ActiveFlow, log: StoredLog, max_wait: float | None = None) -> None:
        """Carry out what is to be done, and hear meanwhile what is said to the run."""
        if flow.outlet is not None:
            await flow.outlet.begin(flow.state)
        longest = self._max_wait if max_wait is None else max_wait
        async with listening(flow, log, self._listeners):
            await run_flow(flow, most=self._most, max_wait=longest)
        if self._most_kept is not None and flow.state.status in _OVER:
            self._over.pop(log.key, None)
            self._over[log.key] = None
            while len(self._over) > self._most_kept:
                oldest = next(iter(self._over))
                del self._over[oldest]
                await self._store.forget(oldest)
                await self._forget_beside(oldest)

    async def _go_on(self, flow: ActiveFlow, log: StoredLog, decisions: tuple[Decision, ...] = ()) -> None:
        state = flow.state
        if state.cancelled and state.status == "running":  # Its process died before all of it was stopped.
            await run_flow(flow, most=self._most)
        if state.status in _OVER or decisions:
            flow.tell(Resumed(decisions=decisions, at=self._clock.now()))
            await flow.write(state.status)
        await self._ask_and_run(flow, log)

    async def _ask_and_run(self, flow: ActiveFlow, log: StoredLog, max_wait: float | None = None) -> None:
        await ask_all_again(flow)
        await self._run(flow, log, max_wait)

    async def _forget_beside(self, run: StreamKey) -> None:
        """Forget what is kept beside a run that was forgotten."""
        await FlowInbox(self._store, run, self._clock).forget()
        await FlowValues(self._store, run).forget()
        if self._reviews is not None:
            await self._reviews.forget(run.owner, run.id)

    @asynccontextmanager
    async def _new(self, run_id: str, owner: Scope, *, named: bool) -> AsyncIterator[StoredLog]:
        """The log of a new run. The record of a run that is over makes way for one of the same id.

        Args:
            named: the caller gave the id, so there may have been another run of it.
        """
        key = flow_key(run_id, owner)
        log = StoredLog(self._store, key, self._clock)
        events = await log.open()
        if events and fold(events).status in _OVER:
            await log.close()
            await self._store.forget(key, expected=len(events))
            events = await log.open()
        try:
            if named and not events:
                # Also where a process died between the two: nobody has decided anything about the new run.
                await self._forget_beside(key)
            if events:
                raise ConfigurationError(
                    f"There is a run {run_id!r:.100} already, and it is not over.",
                    guidance="Go on with resume(), or give the new run another run_id.",
                )
            yield log
        finally:
            await to_the_end(log.close())

    @asynccontextmanager
    async def _taken(
        self, steps: Sequence[LightFlowStep], request: FlowRequest, again: str = "", wait: float | None = None
    ) -> AsyncIterator[tuple[ActiveFlow, StoredLog]]:
        """A run that is on record, as it is with these steps and after all that was said to it.

        Args:
            again: a step that is to be done again; what it did then holds back no change of it.
            wait: seconds to wait for whoever has it; None: until the lease of a process that died has ended.
        """
        log = StoredLog(self._store, flow_key(request.run_id, request.scope), self._clock)
        events = await log.open(_WAIT if wait is None else wait)
        try:
            if not events:
                raise no_such_run(request.run_id)
            known = len(events)
            decisions = await may_rerun(self._gates, events, again) if again else ()
            asked = [node.request_id for node in waiting_nodes(fold(events))] if again else []
            flow = await self._with(steps, events, log, request, again, decisions)
            flow.requests.update(asked)  # Those that the rerun makes worthless are taken back.
            said, heard = await log.unheard()
            taken = take_said(flow.state, said)
            if taken:
                await log.append(taken, flow.state.status, heard)
                events.extend(taken)
            if again and not any(isinstance(event, RerunRequested) for event in events[known:]):
                await self._do_again(flow, log, again, decisions)
            yield flow, log
        finally:
            await to_the_end(log.close())

    async def _with(
        self,
        steps: Sequence[LightFlowStep],
        events: list[FlowEvent],
        log: StoredLog,
        request: FlowRequest,
        again: str,
        decisions: tuple[Decision, ...],
    ) -> ActiveFlow:
        state, definition, now = fold(events), self._definition(steps), self._clock.now()
        check_policies(state.started.policies, FlowGate(self._gates))
        if definition != state.definition:
            told: list[FlowEvent] = _asked_again(state, again, decisions, now) if again else []
            told.append(change_to([*events, *told], definition, request.accept, now))
            events.extend(told)
            state = fold(events)
            await log.append(told, state.status)
        watchers = self._seen.watchers()
        return self._active(steps, state, events, log, request, watchers)

    async def _do_again(self, flow: ActiveFlow, log: StoredLog, path: str, decisions: tuple[Decision, ...]) -> None:
        if flow.state.cancelled:
            await self._go_on(flow, log)
        place = node_path(flow.state, path)
        flow.tell(RerunRequested(place, decisions=decisions, at=self._clock.now()))
        await flow.write(flow.state.status)

    def _active(
        self,
        steps: Sequence[LightFlowStep],
        state: FlowState,
        events: list[FlowEvent],
        log: StoredLog,
        request: FlowRequest,
        watchers: FlowWatchers | None,
    ) -> ActiveFlow:
        if watchers is not None:
            watchers.begin(events)
        gate = FlowGate(self._gates, events) if self._gates else None
        return ActiveFlow(
            self._works(steps),
            state,
            events,
            log,
            self._clock,
            traced=request.traced,
            gate=gate,
            outlet=request.outlet,
            watchers=watchers,
            write_lines=self._seen.write_lines,
            reviews=self._reviews,
        )


def no_such_run(run_id: str) -> ConfigurationError:
    """There is no run of this id and owner."""
    return ConfigurationError(
        f"There is no run {run_id!r:.100} of a flow here.",
        guidance="Look at run_id, and pass the user_id= and tenant= that it was begun with.",
    )


def _asked_again(state: FlowState, path: str, decisions: tuple[Decision, ...], now: float) -> list[FlowEvent]:
    """What it takes to do a step again."""
    again = RerunRequested(node_path(state, path), decisions=decisions, at=now)
    return [Resumed(at=now), again] if state.cancelled else [again]
