"""A worker: asks the task queues of its flows for work, and carries it out until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from lightagent.adapters.engines.temporal.activity import BEAT, CarryOut
from lightagent.adapters.engines.temporal.attributes import make_attributes
from lightagent.adapters.engines.temporal.connection import Connection
from lightagent.adapters.engines.temporal.faults import told_errors
from lightagent.adapters.engines.temporal.orders import queue_of
from lightagent.adapters.engines.temporal.workflow import FlowWorkflow
from lightagent.ports.engine_workers import EngineWorker, EngineWorkerLimits
from lightagent.ports.flow_engine import FlowCode

PASSED_THROUGH: Final = (
    *("lightagent.domain", "lightagent.application", "lightagent.ports", "lightagent.aiokits"),
    "lightagent.adapters.registry",
)
"""What the sandbox takes as it is: what folds a run is pure, and its import takes 60 ms for each replay otherwise."""


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
        self._queues = queues
        self._flows = flows
        self._limits = limits
        self._stopped = asyncio.Event()

    async def work(self) -> None:
        place = self._queues.connection.place
        client = await self._queues.connection.client()
        with told_errors(place.address, place.namespace):
            await client.workflow_service.describe_namespace(DescribeNamespaceRequest(namespace=place.namespace))
            if self._queues.make_attributes:
                await make_attributes(client)
            async with AsyncExitStack() as stack:
                for name in self._flows:
                    await stack.enter_async_context(self._worker(client, name))
                await self._stopped.wait()

    def stop(self) -> None:
        self._stopped.set()

    def _worker(self, client: Client, flow: str) -> Worker:
        """The queue of a flow is asked by those alone who have its code."""
        return Worker(
            client,
            task_queue=queue_of(self._queues.prefix, flow),
            workflows=[FlowWorkflow],
            activities=[CarryOut(self._flows, client, self._queues.large).carry_out],
            # Only this package's code runs in a workflow. Tests replay it in the sandbox, which costs a third of a run.
            workflow_runner=UnsandboxedWorkflowRunner(),
            max_concurrent_activities=self._limits.most,
            graceful_shutdown_timeout=timedelta(seconds=self._limits.grace),
            sticky_queue_schedule_to_start_timeout=timedelta(seconds=5),  # What a dead worker had, others have then.
            max_heartbeat_throttle_interval=timedelta(seconds=BEAT),
            default_heartbeat_throttle_interval=timedelta(seconds=BEAT),
        )
