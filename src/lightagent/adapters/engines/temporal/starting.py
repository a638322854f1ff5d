"""How the workflow of a run is started: where, with what, and who would carry it out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from lightagent.adapters.engines.temporal.attributes import FLOW, TENANT, USER, has_attributes
from lightagent.adapters.engines.temporal.orders import WORKFLOW, FlowInput, most_bytes, queue_of, workflow_id, written
from lightagent.adapters.engines.temporal.sizes import too_large
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.flow.events import FlowEvent
from lightagent.domain.flow.state import FlowState, fold
from lightagent.ports.flow_engine import FlowRun

_MOST_ID: Final = 1_000
"""Characters of a workflow's id and of a task queue's name, at the server's default."""

_PAUSE: Final = 0.5
"""Seconds between two looks for a worker."""


class AlreadyOpen(ConfigurationError):
    """A run of this id is there, and its workflow is open."""


@dataclass(slots=True)
class Starter:
    """Starts workflows.

    Args:
        prefix: what the ids of all workflows begin with.
        queues: what the task queues of all flows begin with.
        heartbeat, longest: see `FlowInput`.
        patience: seconds to wait for a worker that has the flow.
        tenants: what the task queues begin with instead for runs of a tenant, by tenant.
        large: see `FlowInput`.
    """

    prefix: str
    queues: str
    heartbeat: float
    longest: float
    patience: float
    tenants: Mapping[str, str]
    large: int = 0
    _has_attributes: bool | None = field(default=None, init=False)
    _seen: set[str] = field(default_factory=set, init=False)

    async def start(self, client: Client, past: Sequence[FlowEvent]) -> FlowRun:
        """Begin the workflow of a run with its events so far.

        Raises:
            ConfigurationError: a workflow of this run is open, no worker has its flow, or the events are too large.
            RPCError: the server is away, or refuses it.
        """
        state = fold(past)
        run = FlowRun(state.started.scope, state.run_id)
        queues = self.tenants.get(run.owner.tenant, self.queues)
        queue, ident = queue_of(queues, state.definition.name), workflow_id(self.prefix, run)
        texts = written(past)
        if (refused := too_large(past, texts, most_bytes(self.large))) is not None:
            raise refused
        _check_names(ident, queue)
        await self._check_workers(client, queue, state.definition.name)
        if self._has_attributes is None:
            self._has_attributes = await has_attributes(client)
        given = FlowInput(texts, self.heartbeat, self.longest, self._has_attributes, self.large, hands_over=True)
        try:
            await _begin(client, ident, queue, given, state)
        except RPCError as error:
            if not given.attributes or error.status is not RPCStatusCode.INVALID_ARGUMENT:
                raise
            self._has_attributes = False  # The server that answers has not heard of them yet, or they were removed.
            await _begin(client, ident, queue, replace(given, attributes=False), state)
            self._has_attributes = None
        return run

    async def _check_workers(self, client: Client, queue: str, flow: str) -> None:
        """Raise if no worker polls the queue: the run would wait in silence."""
        if queue in self._seen:
            return
        asked = DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        )
        loop = asyncio.get_running_loop()
        until = loop.time() + self.patience
        while not (await client.workflow_service.describe_task_queue(asked)).pollers:
            if loop.time() >= until:
                raise ConfigurationError(
                    f"No worker has the flow {flow!r:.100}: no worker polls the queue {queue!r:.200} of the namespace "
                    f"{client.namespace!r:.100} for work.",
                    guidance="Start one: lightagent worker FLOW --engine temporal",
                )
            await asyncio.sleep(_PAUSE)
        self._seen.add(queue)


async def _begin(client: Client, ident: str, queue: str, given: FlowInput, state: FlowState) -> None:
    try:
        await client.start_workflow(
            WORKFLOW,
            given,
            id=ident,
            task_queue=queue,
            search_attributes=_attributes(state) if given.attributes else None,
            static_summary=state.definition.name,
        )
    except WorkflowAlreadyStartedError:
        raise AlreadyOpen(
            f"The run {state.run_id!r:.100} is there, and it is not over.",
            guidance="Resume it, or begin a run of another run_id.",
        ) from None


def _attributes(state: FlowState) -> TypedSearchAttributes:
    told = {TENANT: state.started.scope.tenant, USER: state.started.scope.user, FLOW: state.definition.name}
    return TypedSearchAttributes(
        [SearchAttributePair(SearchAttributeKey.for_keyword(name), value) for name, value in told.items() if value]
    )


def _check_names(ident: str, queue: str) -> None:
    for text, what in ((ident, "The tenant, user and id of the run"), (queue, "The name of the flow")):
        if len(text) > _MOST_ID:
            raise ConfigurationError(
                f"{what} make {len(text):,} characters for Temporal, which takes {_MOST_ID:,}.",
                guidance="Shorten them.",
            )
