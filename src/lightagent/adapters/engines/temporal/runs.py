"""Runs as the server has them: found, told something, and waited for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import uuid4

from temporalio.api.enums.v1 import PendingWorkflowTaskState
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowHandle,
    WorkflowQueryFailedError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import SearchAttributeKey
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from lightagent.adapters.engines.temporal.attributes import FLOW, STATUS
from lightagent.adapters.engines.temporal.event_pages import asked_page
from lightagent.adapters.engines.temporal.faults import is_away, is_no_run
from lightagent.adapters.engines.temporal.orders import (
    HELD,
    SETTLE,
    TELL,
    WORKFLOW,
    FlowOutput,
    most_bytes,
    owner_prefix,
    read_all,
    run_id_of,
    workflow_id,
    written,
)
from lightagent.adapters.engines.temporal.sizes import told_too_large
from lightagent.adapters.engines.temporal.stuck import stuck
from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.flow.events import FlowEvent
from lightagent.domain.flow.refusals import Refused
from lightagent.domain.scopes import Scope
from lightagent.ports.flow_engine import FlowRun, RunOutline

_ANSWER: Final = timedelta(seconds=15)
"""That a worker may take to tell of a run."""

_LOOK: Final = 5.0
"""Seconds between two checks whether a run that a caller waits for is held back."""

_UNTAKEN: Final = 60.0
"""Seconds for which a caller waits for a run that no worker takes up. The server lists a worker that has died for some
minutes more, so it may be missed only once a run has begun."""

_AWAY: Final = 60.0
"""Seconds for which a caller that waits for a run retries an unreachable server, such as one that restarts."""


_SHOWN: Final = (FLOW, STATUS)


@dataclass(frozen=True, slots=True)
class Found:
    """A run that the server has.

    Attributes:
        is_open: its workflow can be told something; otherwise the run is over, or the workflow was ended from outside.
    """

    is_open: bool
    events: list[FlowEvent]


class StoredRuns:
    """The runs of one namespace.

    Args:
        prefix: what the ids of all workflows begin with.
        large: see `FlowInput`.
    """

    def __init__(self, prefix: str, large: int = 0) -> None:
        self._prefix, self._large = prefix, large

    async def find(self, client: Client, run: FlowRun) -> Found | None:
        """Return a run with everything recorded of it, or None if it does not exist.

        Raises:
            StoreError: no worker can tell.
            RPCError: the server is away.
        """
        try:
            return await self._found(client, run)
        except RPCError as error:
            if is_no_run(error):
                return None
            raise

    async def _found(self, client: Client, run: FlowRun) -> Found:
        handle = self._handle(client, run)
        about = await handle.describe()
        here = client.get_workflow_handle(handle.id, run_id=about.run_id)
        if about.status is WorkflowExecutionStatus.COMPLETED:
            output: FlowOutput = await client.get_workflow_handle(
                handle.id, run_id=about.run_id, result_type=FlowOutput
            ).result(follow_runs=False)
            if output.events is not None:
                return Found(is_open=False, events=read_all(output.events))
        texts = await _asked(client, here, about.task_queue)
        return Found(about.status is WorkflowExecutionStatus.RUNNING, read_all(texts))

    async def outline(self, client: Client, run: FlowRun) -> RunOutline | None:
        """Return what the server knows of a run without its workers; None if it does not exist.

        Raises:
            RPCError: the server is away.
        """
        try:
            about = await self._handle(client, run).describe()
        except RPCError as error:
            if is_no_run(error):
                return None
            raise
        flow, status = (about.typed_search_attributes.get(SearchAttributeKey.for_keyword(name)) for name in _SHOWN)
        return RunOutline(flow or "", status or "", about.start_time.timestamp())

    async def tell(self, client: Client, run: FlowRun, events: Sequence[FlowEvent]) -> bool:
        """Tell an open run of something, which is on record then; False where it has closed meanwhile.

        Raises:
            ConfigurationError: it cannot happen now, or is too large.
            StoreError: no worker has taken it in time.
            RPCError: the server is away.
        """
        texts = written(events)
        if (refused := told_too_large(run.run_id, events, texts, most_bytes(self._large))) is not None:
            raise refused
        ident = uuid4().hex
        until = asyncio.get_running_loop().time() + _AWAY
        while True:
            try:
                await self._handle(client, run).execute_update(TELL, texts, id=ident, rpc_timeout=_ANSWER)
            except WorkflowUpdateFailedError as error:
                if (refused := _refusal(error)) is not None:
                    raise refused from None
                return False
            except WorkflowUpdateRPCTimeoutOrCancelledError:
                if asyncio.get_running_loop().time() > until or _is_cancelled():
                    raise StoreError(
                        f"No worker has taken what the run {run.run_id!r:.100} is told.",
                        guidance="See whether its workers live; told once more, it counts once.",
                    ) from None
            except RPCError as error:
                if is_no_run(error):
                    return False
                raise
            else:
                return True

    async def settle(self, client: Client, run: FlowRun) -> None:
        """Wait until a run is over, or waits for external input.

        Raises:
            ConfigurationError: no worker may go on with it, since its flow was changed.
            StoreError: no worker takes it up.
            RPCError: the server is away, and for long.
        """
        waiting, untaken = asyncio.create_task(self._settled(client, run)), _Untaken(run)
        try:
            while not (await asyncio.wait((waiting,), timeout=_LOOK))[0]:
                await self._check_held(client, run, untaken)
        finally:
            waiting.cancel()
            await asyncio.wait((waiting,))
        try:
            waiting.result()
        except RPCError as error:
            raise await stuck(client, self._handle(client, run), error) or error from None

    async def ids(self, client: Client, owner: Scope) -> AsyncIterator[str]:
        """The ids of an owner's runs, the newest first, as far as the server's index knows of them by now."""
        begin = owner_prefix(self._prefix, owner)
        known = set[str]()
        async for one in client.list_workflows(f"WorkflowType = '{WORKFLOW}' AND WorkflowId STARTS_WITH '{begin}'"):
            run_id = run_id_of(one.id, begin)
            if run_id is not None and run_id not in known:
                known.add(run_id)
                yield run_id

    def _handle(self, client: Client, run: FlowRun) -> WorkflowHandle[object, FlowOutput]:
        return client.get_workflow_handle(workflow_id(self._prefix, run), result_type=FlowOutput)

    async def _settled(self, client: Client, run: FlowRun) -> None:
        handle, ident, away = self._handle(client, run), uuid4().hex, 0.0
        while True:
            try:
                is_settled = await _wait(handle, ident)
            except RPCError as error:
                away += 1.0
                if not is_away(error) or away > _AWAY:
                    raise
                await asyncio.sleep(1.0)
                continue
            if is_settled:
                return
            away = 0.0
            if is_settled is False:
                ident = uuid4().hex

    async def _check_held(self, client: Client, run: FlowRun, untaken: _Untaken) -> None:
        try:
            about = await self._handle(client, run).describe()
        except RPCError:
            return  # The caller that waits for the run notices it.
        untaken.check(about)
        said = await _held(client, about)
        if said is not None:
            raise ConfigurationError(
                f"No worker may go on with the run {run.run_id!r:.100}: {said}",
                guidance="The run stays as it is. Start workers of the flow it was begun with, or see accept=.",
            )


class _Untaken:
    """Notices that no worker takes up a run that has something to be done."""

    def __init__(self, run: FlowRun) -> None:
        self._run = run
        self._task = 0
        self._since = 0.0

    def check(self, about: WorkflowExecutionDescription) -> None:
        """Look at a run once more.

        Raises:
            StoreError: the same task of it has waited for a worker too long.
        """
        pending, now = about.raw_description.pending_workflow_task, asyncio.get_running_loop().time()
        waits = pending.state == PendingWorkflowTaskState.PENDING_WORKFLOW_TASK_STATE_SCHEDULED
        task = pending.original_scheduled_time.ToNanoseconds() if waits else 0
        if task != self._task:
            self._task, self._since = task, now
        elif task and now - self._since > _UNTAKEN:
            raise StoreError(
                f"No worker takes up the run {self._run.run_id!r:.100}: for {_UNTAKEN:g} seconds it has waited in the "
                f"task queue {about.task_queue!r:.200}.",
                guidance="Start a worker of its flow; the run then goes on, and resume waits for it.",
                retryable=True,
            )


async def _wait(handle: WorkflowHandle[object, FlowOutput], ident: str) -> bool | None:
    """Whether a run is settled; False: another update is to ask for it, None: the same one is to be asked again.

    Raises:
        RPCError: the server is away.
    """
    try:
        is_settled: bool = await handle.execute_update(SETTLE, id=ident, result_type=bool)
    except WorkflowUpdateFailedError:  # The workflow was ended, or goes on as a new one.
        return (await handle.describe()).status is not WorkflowExecutionStatus.RUNNING
    except WorkflowUpdateRPCTimeoutOrCancelledError:
        if _is_cancelled():
            raise asyncio.CancelledError from None
        return None
    except RPCError as error:
        if is_no_run(error):
            return True
        raise
    return is_settled


async def _asked(client: Client, handle: WorkflowHandle[object, object], queue: str) -> list[str]:
    """All events of a run, as the workers of its flow tell them."""
    texts = list[str]()
    try:
        while True:
            page = await asked_page(handle, len(texts), _ANSWER)
            texts += page.events
            if len(texts) >= page.total or not page.events:
                return texts
    except (RPCError, WorkflowQueryFailedError) as error:
        if isinstance(error, RPCError) and error.status is RPCStatusCode.UNAVAILABLE:
            raise
        raise await stuck(client, handle, error) or StoreError(
            f"No worker tells what is on record of the run: {error}",
            guidance=f"What goes on is told by the workers of its task queue {queue!r:.200}: start one.",
            retryable=True,
        ) from None


async def _held(client: Client, about: WorkflowExecutionDescription) -> str | None:
    """Why no worker goes on, where one has said so of all that is under way."""
    pending = about.raw_description.pending_activities
    held = [one.last_failure for one in pending if one.last_failure.application_failure_info.type == HELD]
    if not held or len(held) != len(pending):
        return None
    told = await client.data_converter.decode_failure(held[0])  # Its message may be encrypted.
    return told.message if isinstance(told, ApplicationError) else str(told)


def _refusal(error: WorkflowUpdateFailedError) -> Refused | None:
    """Return the objection of the workflow's validator, or None if the workflow does not exist any more."""
    cause = error.cause
    if not isinstance(cause, ApplicationError):
        return None
    match cause.type:
        case "form" | "unknown" | "stale" | "status" | "definition" | "limit" as kind:
            return Refused(kind, cause.message, path=str(cause.details[1]) if len(cause.details) > 1 else "")
        case _:
            return None


def _is_cancelled() -> bool:
    """Whether the SDK's error stands for the cancellation of the task in which it was raised."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
