"""Begins runs of a flow, goes on with them, and does steps of them again, each run under the lease of its stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from lightagent.application.active_run.apply_policy import policy_names
from lightagent.application.flow.active_flow import ActiveFlow
from lightagent.application.flow.ask_again import ask_all_again, settling
from lightagent.application.flow.changed_flow import HeldRun, change_to, held_runs, within
from lightagent.application.flow.flow_gate import FlowGate, check_policies
from lightagent.application.flow.flow_log import StoredLog, flow_key, no_such_run, read_flow
from lightagent.application.flow.flow_request import FlowRequest
from lightagent.application.flow.flow_reviews import FlowReviews
from lightagent.application.flow.flow_spell import watched
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.fork_flow import ForkPoint, forked, new_id
from lightagent.application.flow.listen import listening
from lightagent.application.flow.listeners import Listeners
from lightagent.application.flow.open_run import OVER, RunOpener
from lightagent.application.flow.rerun_flow import rerun_of
from lightagent.application.flow.review_run import may_resume
from lightagent.application.flow.run_flow import run_flow
from lightagent.application.flow.seen_flow import UNSEEN, Seen
from lightagent.application.flow.show_flow import flow_result
from lightagent.application.flow.step_result import LightFlowResult
from lightagent.application.flow.underway import MOST_AT_ONCE
from lightagent.application.flow.value_sizes import check_size
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.events import FlowEvent, FlowStarted, Resumed
from lightagent.domain.flow.limits import DEFAULT_FLOW_LIMITS, FlowLimits
from lightagent.domain.flow.state import FlowState, fold
from lightagent.domain.flow.validation import validate
from lightagent.domain.journals.streams import StreamKey
from lightagent.domain.policy.phases import Decision
from lightagent.domain.scopes import Scope
from lightagent.ports.journals import JournalStore
from lightagent.ports.policy import Gate
from lightagent.ports.system import Clock, IdSource

WORKER_WAIT: Final = 5.0
"""Seconds that a worker waits within a run for a moment, unless the flow sets it: it takes up the run again later."""


class FlowRuns:
    """The runs of one flow.

    Args:
        name: of the flow.
        most: attempts of one run at the same time.
        most_kept: the number of ended runs that are kept, the oldest are forgotten; None: all are kept.
        gates: the hooks and policies that review them.
        seen: how telemetry and logs see them.
        reviews: where people are asked about steps.
        coded: definitions have the digests of the steps' code.
        limits: of new runs.
        max_wait: seconds that a run waits here for a moment; None: without limit.
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
        self.reviews = reviews
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
        self._open = RunOpener(store, clock, name, gates, seen, reviews, coded)

    async def begin(self, steps: Sequence[LightFlowStep], query: str, request: FlowRequest) -> LightFlowResult:
        """Begin a new run, and return once it ends or waits.

        Raises:
            ConfigurationError: the steps are not valid, or the run id is taken by a run that is not over.
            LeaseHeld: another process has held the run id for the length of a lease, with nothing on record.
            StoreError: the run cannot be kept.
        """
        definition = self._open.definition(steps)
        check_size(query, self._limits.max_value, "", "input")
        found = validate(definition, self._limits)
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
        async with self._open.new(run_id, request.scope, named=bool(request.run_id)) as log:
            state = FlowState(started)
            flow = self._open.active(steps, state, [], log, request, watchers)
            await log.append([started], "running")
            flow.events.append(started)
            if watchers is not None:
                watchers.see(started)
            with watched(flow):
                async with settling(flow):
                    await self._run(flow, log)
        return self._result(flow)

    async def resume(self, steps: Sequence[LightFlowStep], request: FlowRequest) -> LightFlowResult:
        """Go on with a run; the result of a run that has succeeded is returned as it is.

        Raises:
            ConfigurationError: the run does not exist, or what it has done does not fit these steps.
            LeaseHeld: another process goes on with it now.
            StoreError: it cannot be read or written.
        """
        async with self._open.taken(steps, request) as taken:
            flow, log = taken.flow, taken.log
            if flow.state.status != "success":
                with watched(flow):
                    async with settling(flow):
                        await self._go_on(flow, log, await may_resume(flow))
        return self._result(flow)

    async def take_over(
        self, steps: Sequence[LightFlowStep], request: FlowRequest, taken: Callable[[], None]
    ) -> tuple[LightFlowResult, int]:
        """Go on with a run that no process has, unless it is over; also returns the sequence of its last event.

        Unlike `resume`, this does not retry failed steps or revive a cancelled run: only a person or a program may ask
        for that.

        Args:
            taken: is called once this process holds the lease of the run.

        Raises:
            LeaseHeld: another process was quicker.
            ConfigurationError, StoreError: as `resume`.
        """
        async with self._open.taken(steps, request, wait=0.0) as opened:
            flow, log = opened.flow, opened.log
            taken()
            with watched(flow):
                async with settling(flow):
                    if flow.state.cancelled and flow.state.status == "running":
                        await run_flow(flow, most=self._most, outermost=True)
                    elif flow.state.status not in OVER:
                        await self._ask_and_run(flow, log, WORKER_WAIT if self._max_wait is None else self._max_wait)
        return flow_result(flow.state, flow.events), len(flow.events)

    async def rerun(self, steps: Sequence[LightFlowStep], path: str, request: FlowRequest) -> LightFlowResult:
        """Do a step again, and all steps that depend on it.

        Args:
            path: of the step; for a step of the flow itself, its name is enough.

        Raises:
            ConfigurationError: the run or step does not exist, or the step has not begun.
            LeaseHeld, StoreError: as `resume`.
        """
        async with self._open.taken(steps, request, path) as taken:
            flow, log = taken.flow, taken.log
            if taken.again is not None:
                await self._do_again(flow, log, path, taken.again)
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
            ConfigurationError: the run or point does not exist, the steps do not fit what is kept, or the new run's id
                is taken.
            StoreError: one of the two cannot be read or written.
        """
        run_id = new_id(point, request, self._ids)
        _, known = await read_flow(self._store, flow_key(point.source, request.scope))
        if not known:
            raise no_such_run(point.source)
        events = forked(known, point, run_id, self._clock.now())
        definition = self._open.definition(steps)
        check_policies(fold(events).started.policies, FlowGate(self._gates))
        if definition != fold(events).definition:
            below = within(self._open.works(steps))
            events.append(change_to(events, definition, request.accept, self._clock.now(), below))
        return await self.begin_with(steps, events, request)

    async def begin_with(
        self, steps: Sequence[LightFlowStep], events: list[FlowEvent], request: FlowRequest
    ) -> LightFlowResult:
        """Begin a run with existing events, those of a fork, and go on with it.

        Raises:
            ConfigurationError: the run's id is taken.
            StoreError: it cannot be kept.
        """
        state = fold(events)
        async with self._open.new(state.run_id, request.scope, named=bool(request.run_id)) as log:
            await log.append(events, "running")
            flow = self._open.active(steps, state, events, log, request, self._seen.watchers())
            with watched(flow):
                async with settling(flow):
                    await self._run(flow, log)
        return self._result(flow)

    def held(self, steps: Sequence[LightFlowStep], owner: Scope) -> AsyncIterator[HeldRun]:
        """The runs that these steps cannot go on with; see `changed_flow.held_runs`."""
        return held_runs(self._store, owner, self._open.definition(steps), self._open.works(steps))

    async def _run(self, flow: ActiveFlow, log: StoredLog, max_wait: float | None = None) -> None:
        """Carry out what is to be done, and read the run's inbox meanwhile."""
        if flow.outlet is not None:
            await flow.outlet.begin(flow.state)
        longest = self._max_wait if max_wait is None else max_wait
        async with listening(flow, log, self._listeners) as ears:
            await run_flow(flow, most=self._most, max_wait=longest, outermost=True)
            while flow.state.status not in OVER and await ears.look():  # It came while the run was about to stop.
                await run_flow(flow, most=self._most, max_wait=longest, outermost=True)
        if self._most_kept is not None and flow.state.status in OVER:
            self._over.pop(log.key, None)
            self._over[log.key] = None
            while len(self._over) > self._most_kept:
                oldest = next(iter(self._over))
                del self._over[oldest]
                await self._store.forget(oldest)
                await self._open.forget_beside(oldest)

    async def _go_on(self, flow: ActiveFlow, log: StoredLog, decisions: tuple[Decision, ...] = ()) -> None:
        state = flow.state
        if state.cancelled and state.status == "running":  # Its process died before all of it was stopped.
            await run_flow(flow, most=self._most, outermost=True)
        if state.status in OVER or decisions:
            flow.tell(Resumed(decisions=decisions, at=self._clock.now()))
            await flow.write(state.status)
        await self._ask_and_run(flow, log)

    async def _ask_and_run(self, flow: ActiveFlow, log: StoredLog, max_wait: float | None = None) -> None:
        await ask_all_again(flow)
        await self._run(flow, log, max_wait)

    async def _do_again(self, flow: ActiveFlow, log: StoredLog, path: str, decisions: tuple[Decision, ...]) -> None:
        if flow.state.cancelled:
            await self._go_on(flow, log)
        flow.tell(rerun_of(flow.state, path, decisions, self._clock.now()))
        await flow.write(flow.state.status)
