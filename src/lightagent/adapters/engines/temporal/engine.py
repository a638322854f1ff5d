"""Runs of flows on Temporal: one workflow for each run, which a server keeps and workers carry out."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final

from lightagent.adapters.engines.temporal.connection import Connection, Place
from lightagent.adapters.engines.temporal.default_times import HEARTBEAT, LONGEST, PATIENCE
from lightagent.adapters.engines.temporal.faults import told_errors
from lightagent.adapters.engines.temporal.machine import flow_machine, set_flow_machine
from lightagent.adapters.engines.temporal.payload_pruning import PrunedPayloads, prune_payloads
from lightagent.adapters.engines.temporal.runs import Found, StoredRuns
from lightagent.adapters.engines.temporal.starting import AlreadyOpen, Starter
from lightagent.adapters.engines.temporal.worker import Queues, TemporalWorker
from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.flow.events import CancelRequested, FlowEvent, FlowStarted, Resumed, Signalled
from lightagent.domain.flow.refusals import Refused
from lightagent.domain.flow.state import FlowState, fold
from lightagent.domain.review.decisions import ApprovalDecision
from lightagent.domain.scopes import Scope
from lightagent.ports.engine_workers import EngineWorker, EngineWorkerLimits, WorkedEngine
from lightagent.ports.flow_engine import FlowCode, FlowEngine, FlowRun, OutlinesRuns, RunOutline
from lightagent.ports.flow_machine import FlowMachine, FoldsRuns

_TRIES: Final = 10
"""How often something is said anew because the run closed or was begun anew meanwhile."""


class TemporalEngine(FlowEngine, OutlinesRuns, WorkedEngine, FoldsRuns):
    """The runs of one namespace. A caller who is cancelled leaves them to their workers.

    Args:
        place: the server and the namespace.
        task_queue: what the task queues of all flows begin with; the name of the flow follows.
        tenant_queues: what they begin with instead for runs of a tenant, by tenant.
        prefix: what the ids of all workflows begin with, where several applications share a namespace.
        heartbeat: seconds without a sign of life after which a worker counts as dead.
        longest: seconds that a step without a limit of its own may take.
        patience: seconds to wait for a worker that has the flow, before a run is begun.
        make_attributes: workers make the search attributes that the namespace lacks.
    """

    def __init__(
        self,
        place: Place,
        *,
        task_queue: str = "lightagent",
        tenant_queues: Mapping[str, str] | None = None,
        prefix: str = "",
        heartbeat: float = HEARTBEAT,
        longest: float = LONGEST,
        patience: float = PATIENCE,
        make_attributes: bool = True,
    ) -> None:
        large = 0 if place.large is None else place.large.over
        self._connection = Connection(place, prefix)
        self._runs = StoredRuns(prefix, large)
        self._starter = Starter(prefix, task_queue, heartbeat, longest, patience, tenant_queues or {}, large)
        self._queues = Queues(self._connection, task_queue, make_attributes=make_attributes)

    async def begin(self, flow: FlowCode, started: FlowStarted) -> Sequence[FlowEvent]:
        return await self._carried([started])

    async def start(self, flow: FlowCode, started: FlowStarted) -> None:
        client = await self._connection.client()
        with self._told():
            await self._starter.start(client, [started])

    async def wait(self, flow: FlowCode, run: FlowRun) -> Sequence[FlowEvent]:
        return await self._settled(run)

    async def fork(self, flow: FlowCode, past: Sequence[FlowEvent]) -> Sequence[FlowEvent]:
        return await self._carried(past)

    async def resume(self, flow: FlowCode, run: FlowRun, accept: Sequence[str] = ()) -> Sequence[FlowEvent]:
        def resumed(state: FlowState, past: Sequence[FlowEvent]) -> Sequence[FlowEvent]:
            changed = flow.changed(past, accept, time.time())
            goes_on = state.status in ("failed", "cancelled") or state.cancelled
            return [*([changed] if changed else ()), *([Resumed(at=time.time())] if goes_on else ())]

        await self._say(run, resumed, go_on=True)
        return await self._settled(run)

    async def rerun(self, flow: FlowCode, run: FlowRun, step: str, accept: Sequence[str] = ()) -> Sequence[FlowEvent]:
        def again(state: FlowState, past: Sequence[FlowEvent]) -> Sequence[FlowEvent]:
            asked = flow_machine().rerun_events(state, step, time.time())
            changed = flow.changed([*past, *asked], accept, time.time())
            return [*asked, *([changed] if changed else ())]

        await self._say(run, again)
        return await self._settled(run)

    async def decide(self, flow: FlowCode, run: FlowRun, step: str, decision: ApprovalDecision) -> None:
        await self._say(run, lambda state, past: [flow.decided(past, step, decision, time.time())])

    async def signal(self, run: FlowRun, signal: Signalled) -> bool:
        try:
            await self._say(run, lambda state, past: [flow_machine().signalled(state, signal)])
        except Refused as refusal:
            if refusal.kind == "stale":
                return False
            raise
        return True

    async def cancel(self, run: FlowRun, reason: str) -> None:
        await self._say(run, lambda state, past: [CancelRequested(reason=reason, at=time.time())])

    async def events(self, run: FlowRun) -> Sequence[FlowEvent]:
        found = await self._find(run)
        return () if found is None else found.events

    async def runs(self, owner: Scope) -> AsyncIterator[str]:
        client = await self._connection.client()
        with self._told():
            async for run_id in self._runs.ids(client, owner):
                yield run_id

    async def outline(self, run: FlowRun) -> RunOutline | None:
        client = await self._connection.client()
        with self._told():
            return await self._runs.outline(client, run)

    async def prune_payloads(self, older_than: float, *, dry_run: bool = False) -> PrunedPayloads:
        """Delete large payloads of runs that the server no longer has.

        Args:
            older_than: seconds since a payload was kept; newer ones stay.
            dry_run: only count them.

        Raises:
            ConfigurationError: the engine has no store of large payloads.
            StoreError: the store or the server is away.
        """
        large = self._connection.place.large
        if large is None:
            raise ConfigurationError(
                "The Temporal engine has no store of large payloads.", guidance="Set its option large_payloads."
            )
        client = await self._connection.client()
        with self._told():
            return await prune_payloads(client, large, time.time() - older_than, dry_run=dry_run)

    async def aclose(self) -> None:
        await self._connection.aclose()

    def fold_with(self, machine: FlowMachine) -> None:
        set_flow_machine(machine)

    def worker(self, flows: Sequence[FlowCode], limits: EngineWorkerLimits) -> EngineWorker:
        return TemporalWorker(self._queues, {flow.definition.name: flow for flow in flows}, limits)

    async def _carried(self, past: Sequence[FlowEvent]) -> Sequence[FlowEvent]:
        client = await self._connection.client()
        with self._told():
            run = await self._starter.start(client, past)
        return await self._settled(run)

    async def _settled(self, run: FlowRun) -> Sequence[FlowEvent]:
        client = await self._connection.client()
        with self._told():
            await self._runs.settle(client, run)
        return await self.events(run)

    async def _find(self, run: FlowRun) -> Found | None:
        client = await self._connection.client()
        with self._told():
            return await self._runs.find(client, run)

    async def _say(
        self,
        run: FlowRun,
        make: Callable[[FlowState, Sequence[FlowEvent]], Sequence[FlowEvent]],
        *,
        go_on: bool = False,
    ) -> None:
        """Put something on record of a run; where its workflow is closed, by another one that goes on with it.

        Args:
            go_on: resume a run whose workflow was ended from outside, even if there is nothing to tell it.

        Raises:
            ConfigurationError: the run does not exist, or does not accept this now.
        """
        client = await self._connection.client()
        for _ in range(_TRIES):
            found = await self._find(run)
            if found is None:
                raise ConfigurationError(
                    f"No flow run {run.run_id!r:.100} is stored here.",
                    guidance="Look at run_id, and pass the user_id= and tenant= that it was begun with.",
                )
            state = fold(found.events)
            said = make(state, found.events)
            fold([*found.events, *said])  # It refuses what cannot happen.
            with self._told():
                if found.is_open:
                    if not said or await self._runs.tell(client, run, said):
                        return
                elif await self._restarted(run, state, [*found.events, *said], needed=bool(said), go_on=go_on):
                    return
        raise StoreError(
            f"The run {run.run_id!r:.100} could not be told, since it was begun anew all the time.",
            guidance="Try again.",
        )

    async def _restarted(
        self, run: FlowRun, state: FlowState, past: Sequence[FlowEvent], *, needed: bool, go_on: bool
    ) -> bool:
        """Continue a run in a new workflow; False if another process has started one meanwhile."""
        was_ended = go_on and state.status in ("running", "waiting")
        if not needed and not was_ended:
            return True
        client = await self._connection.client()
        try:
            await self._starter.start(client, past)
        except AlreadyOpen:
            return False
        return True

    def _told(self) -> AbstractContextManager[None]:
        place = self._connection.place
        return told_errors(place.address, place.namespace)
