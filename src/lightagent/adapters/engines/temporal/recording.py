"""Puts on record in its workflow what an attempt does below itself, while the attempt goes on.

This is how a worker that dies loses no model or tool call that an agent has finished: the next worker is given what is
on record, and continues the agent's run after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from temporalio import activity
from temporalio.client import Client, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError

from lightagent.adapters.engines.temporal.faults import is_away
from lightagent.adapters.engines.temporal.orders import MOST_BYTES, RECORD, Notes, size_of, written
from lightagent.adapters.engines.temporal.sizes import MOST_RECORD
from lightagent.aiokits.cancellation import is_cancelled
from lightagent.domain.errors import StoreError
from lightagent.domain.flow.events import AttemptNoted, FlowEvent

_ANSWER: Final = timedelta(seconds=15)
"""How long one request waits for a worker that has the workflow, before the request is repeated."""

_AGAIN: Final = 1.0
"""Seconds until a server that is away is asked again."""


class Recorder:
    """Records the notes of one attempt, in their order.

    Args:
        path: of the step.
        past: the events of the run that the attempt was given.
        size: the bytes of these events.

    Attributes:
        is_refused: the workflow has not taken a note, since the attempt is over or continues on another worker.
        too_large: the notes that the server could not take, if any.
        size: the bytes of all that is on record of the run.
    """

    def __init__(self, client: Client, path: str, past: Sequence[FlowEvent], size: int) -> None:
        about = activity.info()
        self._workflow = client.get_workflow_handle(about.workflow_id or "", run_id=about.workflow_run_id)
        self._path = path
        self._past = past
        self._position: int | None = None
        self.is_refused: bool = False
        self.too_large: Sequence[FlowEvent] = ()
        self.size: int = size

    async def record(self, events: Sequence[FlowEvent]) -> None:
        """Return once the notes are in the history of the workflow.

        Raises:
            StoreError: the attempt is over, or they are too large. Nothing more of it is recorded then.
        """
        texts = written(events)
        size = size_of(texts)
        if size > MOST_BYTES or self.size + size > MOST_RECORD:
            self.too_large = events
            raise StoreError("What the step has done is too large for the Temporal server.")
        position = self._count(events) if self._position is None else self._position
        await self._deliver(Notes(self._path, position, texts))
        self._position = position + len(events)
        self.size += size

    def _count(self, events: Sequence[FlowEvent]) -> int:
        """How many notes of this attempt are on record already."""
        first = events[0]
        known = (event for event in self._past if isinstance(event, AttemptNoted) and event.path == self._path)
        if not isinstance(first, AttemptNoted):
            return 0
        return sum((event.epoch, event.attempt) == (first.epoch, first.attempt) for event in known)

    async def _deliver(self, notes: Notes) -> None:
        """Repeat the request until it was taken: the server knows it by its id, so it counts once.

        A worker that cannot reach the server for longer than its heartbeat counts as dead; its activity is then
        cancelled.
        """
        ident = f"{activity.info().activity_id} {activity.info().attempt} {notes.position}"
        while True:
            try:
                await self._workflow.execute_update(RECORD, notes, id=ident, rpc_timeout=_ANSWER)
            except WorkflowUpdateFailedError:
                self.is_refused = True
                raise StoreError("The attempt is over: nothing more of it is put on record.") from None
            except WorkflowUpdateRPCTimeoutOrCancelledError:
                if is_cancelled():  # The SDK raises this for a cancellation of the task, too.
                    raise asyncio.CancelledError from None
            except RPCError as error:
                if not is_away(error):
                    self.is_refused = True  # The workflow was terminated.
                    raise StoreError("The run is over: nothing more of it is put on record.") from None
                await asyncio.sleep(_AGAIN)
            else:
                return
