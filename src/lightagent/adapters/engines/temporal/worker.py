"""A worker: asks the task queues of its flows for work, and carries it out until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from lightagent.adapters.engines.temporal.activity import BEAT, CarryOut
from lightagent.adapters.engines.temporal.attributes import make_attributes
from lightagent.adapters.engines.temporal.connection import Connection
from lightagent.adapters.engines.temporal.faults import told_errors
from lightagent.adapters.engines.temporal.orders import queue_of
from lightagent.adapters.engines.temporal.runtime import runtime
from lightagent.adapters.engines.temporal.workflow import FlowWorkflow
from lightagent.ports.engine_workers import EngineWorker, EngineWorkerLimits
from lightagent.ports.flow_engine import FlowCode

PASSED_THROUGH: Final = (
    *("lightagent.domain", "lightagent.application", "lightagent.ports", "lightagent.aiokits"),
    "lightagent.adapters.registry",
)
"""What the sandbox takes as it is: what folds a run is pure, and its import takes 60 ms for each replay otherwise."""


_TO_END: Final = 3.0
"""Seconds for what was interrupted to end, and for the SDK to tell the server so. It would wait without an end for work
that the event loop has cancelled, as the end of a program does."""


_HEALTH: Final = timedelta(seconds=2)
"""That the server may take to say that it is well."""


def sandbox() -> SandboxedWorkflowRunner:
    """The sandbox in which saved histories are replayed: it refuses what would make a workflow go otherwise."""
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))


@dataclass(frozen=True, slots=True)
class Queues:
    """Where a worker asks for work.

    Attributes:
        prefix: what the task queues of all flows begin with.
        make_attributes: the search attributes that the namespace lacks are made before the worker begins.
    """

    connection: Connection
    prefix: str
    make_attributes: bool = True

    @property
    def large(self) -> int:
        """See `FlowInput`."""
        large = self.connection.place.large
        return 0 if large is None else large.over


class TemporalWorker(EngineWorker):
    """Carries out runs of flows.

    Args:
        flows: the code of each, by its name.
    """

    def __init__(self, queues: Queues, flows: Mapping[str, FlowCode], limits: EngineWorkerLimits) -> None:
        if limits.metrics:
            runtime(limits.metrics)  # An address that cannot be had is refused before anything begins.
            queues = replace(queues, connection=queues.connection.with_metrics(limits.metrics))
        self._queues = queues
        self._flows = flows
        self._limits = limits
        self._client: Client | None = None
        self._stopped = asyncio.Event()
        self._hurried = asyncio.Event()

    async def work(self) -> None:
        place = self._queues.connection.place
        client = await self._queues.connection.client()
        with told_errors(place.address, place.namespace):
            await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=place.namespace))
            if self._queues.make_attributes:
                await make_attributes(client)
            code, self._client = CarryOut(self._flows, client, self._queues.large), client
            await self._run([self._worker(client, name, code) for name in self._flows], code)

    def stop(self) -> None:
        if self._stopped.is_set():
            self._hurried.set()
        self._stopped.set()

    async def unready(self) -> str:
        if self._client is None or self._stopped.is_set():
            return "The worker is stopping." if self._stopped.is_set() else "The worker is starting."
        try:
            is_well = await self._client.service_client.check_health(timeout=_HEALTH)
        except RPCError:
            is_well = False
        return "" if is_well else "The Temporal server does not answer."

    async def _run(self, workers: Sequence[Worker], code: CarryOut) -> None:
        """Work until something ends it; then what is under way may end within the grace."""
        running = [asyncio.create_task(worker.run()) for worker in workers]
        stopped, hurried = asyncio.create_task(self._stopped.wait()), asyncio.create_task(self._hurried.wait())
        ending = list[asyncio.Task[None]]()
        try:
            await asyncio.wait((*running, stopped), return_when=asyncio.FIRST_COMPLETED)
            ending += [asyncio.create_task(worker.shutdown()) for worker in workers]
            drained = asyncio.create_task(_ended(running))
            ending.append(drained)
            await asyncio.wait(
                (drained, hurried), timeout=self._limits.grace + _TO_END, return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            code.interrupt()
            ending = ending or [asyncio.create_task(worker.shutdown()) for worker in workers]
            await _end(running, (stopped, hurried, *ending))
        for task in running:
            if not task.cancelled():
                task.result()

    def _worker(self, client: Client, flow: str, code: CarryOut) -> Worker:
        """The queue of a flow is asked by those alone who have its code."""
        return Worker(
            client,
            task_queue=queue_of(self._queues.prefix, flow),
            workflows=[FlowWorkflow],
            activities=[code.carry_out],
            # Only this package's code runs in a workflow. Tests replay it in the sandbox, which costs a third of a run.
            workflow_runner=UnsandboxedWorkflowRunner(),
            max_concurrent_activities=self._limits.most,
            graceful_shutdown_timeout=timedelta(seconds=self._limits.grace),
            sticky_queue_schedule_to_start_timeout=timedelta(seconds=5),  # What a dead worker had, others have then.
            max_heartbeat_throttle_interval=timedelta(seconds=BEAT),
            default_heartbeat_throttle_interval=timedelta(seconds=BEAT),
        )


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    await asyncio.wait(tasks)


async def _end(running: Sequence[asyncio.Task[None]], others: Sequence[asyncio.Task[object]]) -> None:
    """Give what runs some time to end in order; then, and the others at once, it is cancelled."""
    try:
        if any(not task.done() for task in running):
            await asyncio.wait(running, timeout=_TO_END)
    finally:
        for task in (*running, *others):
            task.cancel()
    await asyncio.wait((*running, *others), timeout=_TO_END)
