"""The one activity: a worker carries out an open move of a run with the code of the run's flow."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

from temporalio import activity
from temporalio.client import Client
from temporalio.converter import WorkflowSerializationContext
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from lightagent.adapters.engines.temporal.event_pages import asked_page
from lightagent.adapters.engines.temporal.orders import (
    CARRY_OUT,
    HELD,
    LEFT,
    Order,
    most_bytes,
    read_all,
    size_of,
)
from lightagent.adapters.engines.temporal.recording import Recorder
from lightagent.adapters.engines.temporal.sizes import fitting, unkept
from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.flow.events import FlowEvent
from lightagent.ports.flow_engine import FlowCode

BEAT: Final = 2.0
"""The time between two heartbeats, in seconds. The answer to one also tells the worker that an attempt is cancelled."""

_PAUSES: Final = (0.5, 1.0, 2.0, 4.0)
"""The pauses between the tries to store the result of a step in the store of large payloads, in seconds."""

_MOST_KEPT: Final = 200
"""The maximum number of runs whose events a worker keeps in memory, so that it queries only for new ones."""


class CarryOut:
    """Carries out moves of runs.

    Args:
        flows: the code of each flow, by its name. It is looked up for each move, so that flows can be added.
        client: the client that queries workflows for the events of their runs.
        large: see `FlowInput`.
    """

    def __init__(self, flows: Mapping[str, FlowCode], client: Client, large: int = 0) -> None:
        self._flows = flows
        self._client = client
        self._large, self._most = large, most_bytes(large)
        self._known: OrderedDict[str, list[str]] = OrderedDict()
        self._under_way: set[asyncio.Task[object]] = set()

    def interrupt(self) -> None:
        """Stop all moves under way here; other workers continue them."""
        for task in self._under_way:
            task.cancel()

    @activity.defn(name=CARRY_OUT)
    async def carry_out(self, order: Order) -> list[str]:
        """Carry out the order with the flow's code, and return the resulting events as texts."""
        beating, own = asyncio.create_task(_beat()), asyncio.current_task()
        if own is not None:
            self._under_way.add(own)
        try:
            return await self._result(order)
        except asyncio.CancelledError:
            details = activity.cancellation_details()
            if details is not None and (details.cancel_requested or not details.worker_shutdown):
                raise
            # Without details, the worker was interrupted or its event loop ends. If the cancellation were passed on,
            # the server would hand the move to another worker, and the run would not record that it started twice.
            raise _not_here(LEFT, "The worker was stopped.") from None
        finally:
            if own is not None:
                self._under_way.discard(own)
            beating.cancel()
            with suppress(asyncio.CancelledError):
                await beating

    async def _result(self, order: Order) -> list[str]:
        past = await self._given(order)
        events = read_all(past)
        recorder = Recorder(self._client, order.path, events, size_of(past), self._most)
        answers = await self._answers(order, events, recorder)
        if recorder.is_refused:
            raise _not_here(LEFT, "The attempt goes on elsewhere, or is over.")
        answers = recorder.too_large or answers
        texts = fitting(order.path, answers, recorder.size, self._most)
        return await self._kept(order.path, answers, texts) if self._large and size_of(texts) > self._large else texts

    async def _kept(self, path: str, answers: Sequence[FlowEvent], texts: list[str]) -> list[str]:
        """Store the texts in the store of large payloads, and return them; if that fails, return that the step failed.

        The SDK would treat an error of the store as one of the activity, and repeat all of the activity's work.
        """
        about = activity.info()
        context = WorkflowSerializationContext(about.namespace, about.workflow_id or "")
        keeping = self._client.data_converter.with_context(context)
        for pause in (*_PAUSES, None):
            try:
                await keeping.encode([texts])
            except StoreError as error:
                if pause is None:
                    return unkept(path, answers, error)
                await asyncio.sleep(pause)
            else:
                break
        return texts

    async def _answers(self, order: Order, past: Sequence[FlowEvent], recorder: Recorder) -> Sequence[FlowEvent]:
        code = self._flows.get(order.flow)
        if code is None:
            raise _not_here(HELD, f"This worker has no flow {order.flow!r:.100}.")
        try:
            changed = code.changed(past, (), time.time())
        except ConfigurationError as error:
            now = read_all(await self._past(None))
            if len(now) > len(past):  # The change may have been accepted since.
                return await self._answers(order, now, recorder)
            raise _not_here(HELD, error.message) from None
        return [changed] if changed is not None else await code.carry_out(order.path, past, recorder.record)

    async def _given(self, order: Order) -> Sequence[str]:
        """Return the events that the order is about; in a repeated try, also those that the first try recorded."""
        if activity.info().attempt > 1:
            return await self._past(None)
        return order.past if order.past is not None else await self._past(order.count)

    async def _past(self, count: int | None) -> Sequence[str]:
        """Return the first `count` events of the run, or with None all that it has now."""
        about = activity.info()
        run = about.workflow_run_id or ""
        known = self._known.setdefault(run, [])
        self._known.move_to_end(run)
        while len(self._known) > _MOST_KEPT:
            self._known.popitem(last=False)
        handle = self._client.get_workflow_handle(about.workflow_id or "", run_id=run)
        total = len(known) + 1 if count is None else count
        while len(known) < total:
            begin = len(known)
            page = await asked_page(handle, begin)
            total = page.total if count is None else count
            if page.total < total:
                raise ApplicationError("The workflow has fewer events than its order says.")
            if len(known) == begin:  # No other task has fetched the same page meanwhile.
                known += page.events
        return known[:total]


def _not_here(kind: str, text: str) -> ApplicationError:
    """The error of a worker that cannot execute this step; the run itself has not failed."""
    return ApplicationError(text, type=kind, non_retryable=kind == LEFT, category=ApplicationErrorCategory.BENIGN)


async def _beat() -> None:
    while True:
        await asyncio.sleep(BEAT)  # What ends sooner costs the server no request.
        activity.heartbeat()
