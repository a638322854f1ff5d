"""The engine in this process, over any journal store: the default engine of flows."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine, Sequence
from functools import partial
from typing import Final

from lightagent.aiokits.abandon import stop
from lightagent.application.flow.flow_code import FlowSteps
from lightagent.application.flow.flow_desk import FlowDesk
from lightagent.application.flow.flow_log import KIND, flow_key, read_flow
from lightagent.application.flow.flow_outlet import FlowOutlet
from lightagent.application.flow.flow_request import FlowRequest
from lightagent.application.flow.flow_runs import FlowRuns
from lightagent.application.flow.flow_step import LightFlowStep
from lightagent.application.flow.listeners import Listeners
from lightagent.application.flow.watch_flow import watch_flow
from lightagent.application.journals.read_streams import list_streams
from lightagent.domain.errors import ConfigurationError, LeaseHeld
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

_LOGGER: Final = logging.getLogger("lightagent")

_TO_STOP: Final = 3.0
"""Seconds in which runs that are interrupted stop what is under way, and give back their leases."""

_PAUSE: Final = 0.05
"""Seconds between two looks whether a run is free that somebody has."""


class LocalEngine(FlowEngine):
    """Carries out runs in the caller's event loop. A run whose caller is cancelled is interrupted.

    One that was given to `start` continues in that loop as long as it runs. `wait` takes up what was interrupted.

    Args:
        store: where the events are kept.
    """

    def __init__(self, store: JournalStore, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._listeners = Listeners()
        self._desk = FlowDesk(store, clock, self._listeners)
        self._started: set[FlowRun] = set()
        self._tasks: dict[asyncio.Task[None], FlowRun] = {}

    @property
    def store(self) -> JournalStore:
        """Where the events are kept."""
        return self._store

    async def begin(self, flow: FlowCode, started: FlowStarted) -> Sequence[FlowEvent]:
        await self._begun(flow, started)
        return await self.events(FlowRun(started.scope, started.run_id))

    async def start(self, flow: FlowCode, started: FlowStarted) -> None:
        run, begun = FlowRun(started.scope, started.run_id), asyncio.Event()

        async def on_record(_: object) -> None:
            begun.set()

        task = self._carry_out(run, self._begun(flow, started, FlowOutlet(on_record)))
        waiting = asyncio.create_task(begun.wait())
        try:
            await asyncio.wait((task, waiting), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if not begun.is_set():
            await task  # It raises why the run could not begin.
        self._started.add(run)
        task.add_done_callback(partial(_log_failure, run))

    async def wait(self, flow: FlowCode, run: FlowRun) -> Sequence[FlowEvent]:
        if not await self.events(run):
            return ()
        await self._left(run)
        async for glimpse in watch_flow(self._store, flow_key(run.run_id, run.owner)):
            if glimpse.status in ("pending", "interrupted"):
                await self._take_over(flow, run)
            elif glimpse.status != "running":
                break
        return await self.events(run)

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
        if run in self._started:
            self._carry_out(run, self._continue_after_message(flow, run)).add_done_callback(partial(_log_failure, run))

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
        here = asyncio.get_running_loop()
        for task in [*self._tasks]:
            if (loop := task.get_loop()) is not here and not loop.is_closed():
                loop.call_soon_threadsafe(task.cancel)
        await stop([task for task in self._tasks if task.get_loop() is here], _TO_STOP)
        await self._store.aclose()

    async def _begun(self, flow: FlowCode, started: FlowStarted, outlet: FlowOutlet | None = None) -> None:
        request = FlowRequest(
            started.scope,
            started.run_id,
            parent_trace_id=started.parent_trace_id,
            run_group_id=started.run_group_id,
            outlet=outlet,
        )
        runs, steps = self._of(flow, started.limits)
        await runs.begin(steps, StepOutput(started.input).text, request)

    async def _take_over(self, flow: FlowCode, run: FlowRun) -> bool:
        """Go on with a run unless it is over; False if somebody else has it."""
        runs, steps = self._of(flow)
        try:
            await runs.take_over(steps, FlowRequest(run.owner, run.run_id), lambda: None)
        except LeaseHeld:
            return False
        return True

    async def _continue_after_message(self, flow: FlowCode, run: FlowRun) -> None:
        """Go on with a run that was told something. Who has it may be about to leave it, and not hear that."""
        while True:
            if await self._take_over(flow, run):
                return
            await asyncio.sleep(_PAUSE)

    async def _left(self, run: FlowRun) -> None:
        """Wait until nothing that this engine carries out of a run is under way."""
        here = asyncio.get_running_loop()
        while tasks := [task for task, known in self._tasks.items() if known == run and not task.done()]:
            own = [task for task in tasks if task.get_loop() is here]
            await (asyncio.wait(own) if own else asyncio.sleep(_PAUSE))

    def _carry_out(self, run: FlowRun, work: Coroutine[object, object, None]) -> asyncio.Task[None]:
        """Carry out work that does not end with its caller."""
        task = asyncio.create_task(work)
        self._tasks[task] = run
        task.add_done_callback(self._tasks.pop)
        return task

    def _of(self, flow: FlowCode, limits: FlowLimits = DEFAULT_FLOW_LIMITS) -> tuple[FlowRuns, Sequence[LightFlowStep]]:
        """What carries out the runs of a flow here, where its steps are called directly."""
        if not isinstance(flow, FlowSteps):
            raise ConfigurationError(
                f"The engine in this process runs a LightFlow, not a {type(flow).__name__}.",
                guidance="Pass the engine to LightFlow(engine=...).",
            )
        runs = FlowRuns(self._store, self._clock, self._ids, flow.name, self._listeners, coded=True, limits=limits)
        return runs, flow.steps


def _log_failure(run: FlowRun, task: asyncio.Task[None]) -> None:
    """Log what has interrupted a run that nothing waits for; `wait` takes it up again, or raises the same."""
    error = None if task.cancelled() else task.exception()
    if error is not None:
        _LOGGER.warning("The run %r was interrupted: %s", run.run_id, error)
