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
from lightagent.domain.flow.events import (
    AttemptFailed,
    AttemptFinished,
    AttemptNoted,
    AttemptStarted,
    AttemptStopped,
    FlowEvent,
)
from lightagent.domain.runs.events import Event, Nested, ToolFinished, ToolStarted

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
        most: the bytes that one payload may have.

    Attributes:
        is_refused: the attempt is over, or continues elsewhere: on another worker, which the workflow has told by not
            taking a note, or in another workflow, for which this one asks the attempt to leave.
        too_large: the notes that the server could not take, if any.
        size: the bytes of all that is on record of the run.
    """

    def __init__(self, client: Client, path: str, past: Sequence[FlowEvent], size: int, most: int = MOST_BYTES) -> None:
        about = activity.info()
        self._workflow = client.get_workflow_handle(about.workflow_id or "", run_id=about.workflow_run_id)
        self._path = path
        self._past = past
        self._most = most
        self._position: int | None = None
        self._begun = BegunCalls()
        self.is_refused: bool = False
        self.too_large: Sequence[FlowEvent] = ()
        self.size: int = size

    async def record(self, events: Sequence[FlowEvent]) -> None:
        """Return once the notes are in the history of the workflow.

        Raises:
            StoreError: the attempt is over, is to go on elsewhere, or they are too large. Nothing more of it is
                recorded then.
        """
        if self.is_refused:
            raise _over()
        texts = written(events)
        size = size_of(texts)
        if size > self._most or self.size + size > MOST_RECORD:
            self.too_large = events
            raise StoreError("What the step has done is too large for the Temporal server.")
        position = self._count(events) if self._position is None else self._position
        leaves = await self._deliver(Notes(self._path, position, texts))
        self._position = position + len(events)
        self.size += size
        self._begun.see(events)
        if leaves and not self._begun:
            self.is_refused = True
            raise _over()

    def _count(self, events: Sequence[FlowEvent]) -> int:
        """How many notes of this attempt are on record already."""
        first = events[0]
        known = (event for event in self._past if isinstance(event, AttemptNoted) and event.path == self._path)
        if not isinstance(first, AttemptNoted):
            return 0
        return sum((event.epoch, event.attempt) == (first.epoch, first.attempt) for event in known)

    async def _deliver(self, notes: Notes) -> bool:
        """Repeat the request until it was taken: the server knows it by its id, so it counts once.

        Returns whether the attempt is asked to leave. Workers of earlier versions do not say.

        A worker that cannot reach the server for longer than its heartbeat counts as dead; its activity is then
        cancelled.
        """
        ident = f"{activity.info().activity_id} {activity.info().attempt} {notes.position}"
        while True:
            try:
                leaves: object = await self._workflow.execute_update(RECORD, notes, id=ident, rpc_timeout=_ANSWER)
            except WorkflowUpdateFailedError:
                self.is_refused = True
                raise _over() from None
            except WorkflowUpdateRPCTimeoutOrCancelledError:
                if is_cancelled():  # The SDK raises this for a cancellation of the task, too.
                    raise asyncio.CancelledError from None
            except RPCError as error:
                if not is_away(error):
                    self.is_refused = True  # The workflow was terminated.
                    raise StoreError("The run is over: nothing more of it is put on record.") from None
                await asyncio.sleep(_AGAIN)
            else:
                return leaves is True


class BegunCalls:
    """The tool calls and steps below an attempt that have begun and not ended, and that only this process can end.

    A call that is an agent, and a step that is an agent or a flow, is not among them once something below it is on
    record: another worker continues it from there.
    """

    def __init__(self) -> None:
        self._open: set[tuple[object, ...]] = set()
        self._continued: set[tuple[object, ...]] = set()

    def __bool__(self) -> bool:
        return bool(self._open)

    def see(self, events: Sequence[FlowEvent]) -> None:
        """Take note of what an attempt has recorded."""
        for event in events:
            self._see(event, ())

    def _see(self, event: FlowEvent | Event, place: tuple[object, ...]) -> None:
        match event:
            case Nested(call_id=call_id):
                self._see_below((*place, call_id), event.event)
            case AttemptNoted():
                self._see_below((*place, event.path, event.epoch), event.event)
            case ToolStarted(call_id=call_id):
                self._begin((*place, call_id))
            case AttemptStarted():
                self._begin((*place, event.path, event.epoch))
            case ToolFinished(call_id=call_id):
                self._open.discard((*place, call_id))
            case AttemptFinished() | AttemptFailed() | AttemptStopped():
                self._open.discard((*place, event.path, event.epoch))
            case _:
                pass

    def _begin(self, key: tuple[object, ...]) -> None:
        if key not in self._continued:
            self._open.add(key)

    def _see_below(self, key: tuple[object, ...], event: FlowEvent | Event) -> None:
        self._continued.add(key)
        self._open.discard(key)
        self._see(event, key)


def _over() -> StoreError:
    return StoreError("The attempt is over here: nothing more of it is put on record.")
