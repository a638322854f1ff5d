"""Carries out `CallTools`: every call of a turn to its one result, all at once.

What the model asked is settled first: refused, decided by a human, waiting for one, or ready. Then the ready ones are
written down, and only then touched; who keeps the journal has the intent before the effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Final, Generic

from lightagent.application.plan import RunPlan
from lightagent.application.settle_call import ReadyCall, settle_call
from lightagent.application.tools.invoke import ToolAbandoned, invoke
from lightagent.application.tools.plain_json import PlainJson
from lightagent.application.tools.toolbox import DepsT
from lightagent.domain.errors import ToolError
from lightagent.domain.events import (
    TOOL_PROGRESS,
    ApprovalRequested,
    Event,
    Noted,
    ToolFinished,
    ToolStarted,
    ToolStatus,
)
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs import PendingCall, Run
from lightagent.domain.signals import ApprovalRequired
from lightagent.domain.tools import RunContext

_MOST_REQUEST: Final = 1_000_000


async def call_tools(run: Run, calls: tuple[PendingCall, ...], plan: RunPlan[DepsT]) -> AsyncGenerator[Event, None]:
    """Yields the calls' events as they happen: started, notes, finished or waiting for approval."""
    ready: list[ReadyCall[DepsT]] = []
    for call in calls:
        settled = settle_call(run, call, plan)
        if not isinstance(settled, ReadyCall):
            yield settled
            continue
        ready.append(settled)
        if call.status != "started":  # else it was interrupted: its intent is on record already
            yield ToolStarted(settled.call_id, settled.tool.spec.name, settled.shown, settled.key, plan.clock.now())
    if not ready:
        return
    work = _Work(run, plan)
    tasks = [work.begin(call) for call in ready]
    try:
        for _ in ready:
            while isinstance(event := await work.next_event(), Noted):
                yield event
            yield event
    finally:
        await _stop(tasks)


class _Work(Generic[DepsT]):
    """The calls of one turn while they run; each comes to exactly one event that is no note."""

    def __init__(self, run: Run, plan: RunPlan[DepsT]) -> None:
        self._run = run
        self._plan = plan
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event | BaseException] = asyncio.Queue()

    def begin(self, call: ReadyCall[DepsT]) -> asyncio.Task[None]:
        """Start one call."""
        task = asyncio.create_task(self._carry_out(call))
        task.add_done_callback(self._give_up)
        return task

    async def next_event(self) -> Event:
        """What happens next; raises what no call may survive, such as a KeyboardInterrupt in a tool."""
        event = await self._events.get()
        if isinstance(event, BaseException):
            raise event
        return event

    def _give_up(self, task: asyncio.Task[None]) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            self._events.put_nowait(error)

    async def _carry_out(self, call: ReadyCall[DepsT]) -> None:
        over = False

        def report(text: str) -> None:
            note = Noted(
                TOOL_PROGRESS, {"id": call.call_id, "name": call.tool.spec.name, "text": str(text)}, clock.now()
            )
            if not over:  # a thread that was given up may still talk
                self._loop.call_soon_threadsafe(self._events.put_nowait, note)

        clock = self._plan.clock
        began = clock.monotonic()
        try:
            output = await invoke(call.tool, call.arguments, self._context(call, report, lambda: over))
            event: Event = ToolFinished(call.call_id, output, duration=clock.monotonic() - began, at=clock.now())
        except ApprovalRequired as signal:
            request = _plain(signal.request) or {"arguments": call.shown}
            event = ApprovalRequested(call.call_id, str(signal.reason), request, clock.now())
        except ToolError as error:
            self._plan.causes.append(error)
            status: ToolStatus = "unknown" if isinstance(error, ToolAbandoned) else "failed"
            event = ToolFinished(call.call_id, str(error), status, error.info, clock.monotonic() - began, clock.now())
        finally:
            over = True
        # After the notes of the call's own thread, which are on their way through the loop.
        self._loop.call_soon(self._events.put_nowait, event)

    def _context(
        self, call: ReadyCall[DepsT], report: Callable[[str], None], over: Callable[[], bool]
    ) -> RunContext[DepsT]:
        started = self._run.started
        return RunContext(
            self._plan.deps,
            started.agent_name,
            started.run_id,
            started.trace_id,
            started.scope,
            call.call_id,
            call.key,
            call.approved,
            report,
            over,
        )


def _plain(request: object) -> JsonObject:
    """What a reviewer is shown, as what a journal can hold."""
    plain = PlainJson(_MOST_REQUEST).convert(request)
    return plain if isinstance(plain, dict) else {"request": plain}


async def _stop(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel what still runs and wait for its end: a run leaves nothing behind."""
    unfinished = [task for task in tasks if not task.done()]
    for task in unfinished:
        task.cancel()
    if unfinished:
        await asyncio.gather(*unfinished, return_exceptions=True)
