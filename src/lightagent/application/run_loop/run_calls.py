"""Runs calls that are ready, all at once, each in a task of its own, and reports their events as they come."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic

from lightagent.aiokits.abandon import GRACE, stop
from lightagent.aiokits.cancellation import CancellationScope, cancellation
from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.mailbox.swarm_mail import run_mail
from lightagent.application.run_loop.finish_call import carry_out
from lightagent.application.run_loop.prepare_call import ReadyCall
from lightagent.application.run_loop.show_parts import discard, part_viewer
from lightagent.application.tools.deps import DepsT
from lightagent.application.tools.function_tool import FunctionTool
from lightagent.application.tools.invoke import ToolAbandoned
from lightagent.application.tools.wrapped_tool import unwrapped
from lightagent.domain.conversation.deltas import is_delta
from lightagent.domain.errors import ToolError
from lightagent.domain.flow.outputs import ARTIFACT, Artifact
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.events import TOOL_PROGRESS, Event, ModelReplied, Nested, Noted, ToolFinished
from lightagent.ports.tools import ChildStep, FilePath, KeepArtifact, NestedDelta, Nesting, RunContext, ToolPart


async def run_calls(live: ActiveRun[DepsT], ready: list[ReadyCall[DepsT]]) -> None:
    """Report the calls' events as they happen. Interrupted calls leave their final items in `live.leftovers`."""
    if len(ready) == 1 and live.outlet is None and live.watchers is None and _is_quick(ready[0]):
        await _run_alone(live, ready[0])
    else:
        await _run_together(live, ready)


async def _run_alone(live: ActiveRun[DepsT], ready: ReadyCall[DepsT]) -> None:
    """One call without a consumer, and whose thread is given up as soon as it is cancelled, needs no task."""
    notes: list[Event] = []  # A thread of the tool's own may still add to it.
    over = False

    def note(event: Event) -> None:
        if not over:
            notes.append(event)

    event: Event | None = None
    cut_off = True
    try:
        event = await carry_out(live, ready, _context(live, ready, note, lambda: over))
        cut_off = False
    finally:
        over = True
        live.leftovers = [*notes, _abandoned(live, ready)] if cut_off else []
    for one in notes[:]:
        await live.tell(one)
    if event is not None:
        await live.tell(event)


def _is_quick(ready: ReadyCall[DepsT]) -> bool:
    tool = unwrapped(ready.tool)
    return isinstance(tool, FunctionTool) and tool.is_quick and ready.spec.timeout is None


async def _run_together(live: ActiveRun[DepsT], ready: list[ReadyCall[DepsT]]) -> None:
    """Each call in a task of its own."""
    work = _Work(live)
    tasks = {asyncio.create_task(work.carry_out(call)): call for call in ready}
    for task in tasks:
        task.add_done_callback(partial(work.give_up, ready=tasks[task]))
    left = len(ready)
    try:
        while left:
            left -= await work.tell_next()
    finally:
        work.closed = True
        if left:
            # A nested run waits less than the one around it, which would give it up before its final items.
            try:
                await stop(tasks, GRACE / (1 + len(live.path)))
                await asyncio.sleep(0)  # The final items of calls that have ended are on their way through the loop.
            finally:  # Also if the run is cancelled once more meanwhile.
                running = [ready for task, ready in tasks.items() if not task.done() or _still_runs(task, ready)]
                live.leftovers = [*work.drain(), *(_abandoned(live, ready) for ready in running)]


@dataclass(frozen=True, slots=True)
class _Item:
    """An item that a call reports.

    Attributes:
        step: the step; an error that ends the run, such as a KeyboardInterrupt; or None for a call that has
            nothing more to report.
        taken: resolved once the consumer has taken the step.
        last: this is the call's end.
    """

    step: Event | ToolPart | NestedDelta | BaseException | None
    taken: asyncio.Future[None] | None = None
    last: bool = False


class _Work(Generic[DepsT]):
    """The calls of one turn while they run; each comes to exactly one last item."""

    def __init__(self, live: ActiveRun[DepsT]) -> None:
        self.closed = False
        self._live = live
        self._is_cancelled = cancellation()
        self._loop = asyncio.get_running_loop()
        self._items: asyncio.Queue[_Item] = asyncio.Queue()
        self._ended: set[str] = set()  # the calls that have given their last item

    async def tell_next(self) -> bool:
        """Report what happens next; returns whether that ended a call."""
        item = await self._items.get()
        if isinstance(item.step, BaseException):
            raise item.step
        try:
            if isinstance(item.step, (NestedDelta, ToolPart)):
                await self._live.show(item.step)
            elif item.step is not None:
                await self._live.tell(item.step)
        finally:
            if item.taken is not None and not item.taken.done():
                item.taken.set_result(None)
        return item.last

    def drain(self) -> list[Event]:
        """The reported events that were not taken, once nothing runs any more."""
        events: list[Event] = []
        while not self._items.empty():
            step = self._items.get_nowait().step
            if step is not None and not isinstance(step, (NestedDelta, ToolPart, BaseException)):
                events.append(step)
        return events

    def give_up(self, task: asyncio.Task[None], ready: ReadyCall[DepsT]) -> None:
        """Raise an error that ends the run."""
        if task.cancelled() and not self.closed:
            if ready.call.call.id not in self._ended:
                self._items.put_nowait(_Item(_gave_itself_up(self._live, ready), last=True))
            return
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            self._items.put_nowait(_Item(error))

    async def carry_out(self, ready: ReadyCall[DepsT]) -> None:
        """Run one call, and give its last item."""
        over = False

        def give(step: Event | ToolPart) -> None:
            if not over and not self.closed:  # A thread that was given up may still report.
                self._loop.call_soon_threadsafe(self._items.put_nowait, _Item(step))

        def is_over() -> bool:
            return over

        live = self._live
        nesting = self._nesting(ready, is_over) if ready.spec.resumable else None
        spans = live.spans
        if spans is not None:
            spans.enter_tool((*live.path, ready.call.call.id), live.clock.now(), ready.spec)
        try:
            # The task is the call's own, so a tool that cancels it has failed.
            with CancellationScope(lambda: self.closed or self._is_cancelled()):
                show = part_viewer(live, ready, give)
                event = await carry_out(live, ready, _context(live, ready, give, is_over, nesting, show))
        finally:
            over = True
        self._ended.add(ready.call.call.id)
        # After the notes of the call's own thread, which are on their way through the loop.
        self._loop.call_soon(self._items.put_nowait, _Item(event, last=True))

    def _nesting(self, ready: ReadyCall[DepsT], over: Callable[[], bool]) -> Nesting:
        live, call_id = self._live, ready.call.call.id

        async def emit(step: ChildStep) -> None:
            if over() or self.closed:  # The call was given up, and has its result.
                raise asyncio.CancelledError
            taken: asyncio.Future[None] = self._loop.create_future()
            self._items.put_nowait(_Item(_nested(call_id, step), taken))
            await taken

        def record(event: Event) -> None:
            if not over():
                self._items.put_nowait(_Item(Nested(call_id, event)))

        gates = () if live.reviewer is None else live.reviewer.gates
        meters = () if live.spending is None else live.spending.shared

        def past() -> list[Event]:
            return [] if ready.call.child is None else _past_of(live, call_id)

        return Nesting(
            ready.call.child,
            emit,
            record,
            gates,
            live.stream,
            live.trace_headers,
            live.run.untrusted,
            live.flows,
            meters,
            past,
            live.spans,
            live.prices,
            (*(() if live.nesting is None else live.nesting.agents), live.run.head.name),
            lambda: live.run.messages[:-1],
            live.mail,
        )


def _past_of(live: ActiveRun[DepsT], call_id: str) -> list[Event]:
    """The events so far of the run of the agent that a call is, if it began before."""
    events: list[Event] = []
    known = [] if live.nesting is None else live.nesting.past()
    for event in (*known, *live.record.events):
        if isinstance(event, ModelReplied):
            events.clear()  # Ids of calls are distinct within a turn.
        elif isinstance(event, Nested) and event.call_id == call_id:
            events.append(event.event)
    return events


def _nested(call_id: str, step: ChildStep) -> Event | NestedDelta:
    if isinstance(step, NestedDelta):
        return NestedDelta((call_id, *step.path), step.delta)
    if isinstance(step, ToolPart) or is_delta(step):
        return NestedDelta((call_id,), step)
    return Nested(call_id, step)


def _gave_itself_up(live: ActiveRun[DepsT], ready: ReadyCall[DepsT]) -> ToolFinished:
    """The result of a call whose tool cancelled its own task."""
    error = ToolError(f"{ready.name} failed: it cancelled its own task.", guidance="", details={"tool": ready.name})
    return ToolFinished(ready.call.call.id, str(error), "failed", error.info, at=live.clock.now())


def _still_runs(task: asyncio.Task[None], ready: ReadyCall[DepsT]) -> bool:
    """Whether a cancelled call goes on: a synchronous function does, in its thread, which cannot be stopped."""
    tool = unwrapped(ready.tool)
    return task.done() and task.cancelled() and isinstance(tool, FunctionTool) and not tool.is_async


def _abandoned(live: ActiveRun[DepsT], ready: ReadyCall[DepsT]) -> ToolFinished:
    """The result of a call that did not end when it was cancelled."""
    name = ready.name
    error = ToolAbandoned(
        f"{name} did not end when it was cancelled, so it may still take effect.",
        guidance="",
        details={"tool": name},
    )
    return ToolFinished(ready.call.call.id, str(error), "unknown", error.info, at=live.clock.now())


def _context(
    live: ActiveRun[DepsT],
    ready: ReadyCall[DepsT],
    note: Callable[[Event], None],
    over: Callable[[], bool],
    nesting: Nesting | None = None,
    show_part: Callable[[object], None] = discard,
) -> RunContext[DepsT]:
    """The context of a tool's call.

    Args:
        note: puts an event of the call on record, from any thread.
    """

    def report(text: str) -> None:
        note(_progress(live, ready, text))

    call_id = ready.call.call.id
    tool = unwrapped(ready.tool)
    # Headers cost something, and most functions take no context.
    is_seen = not isinstance(tool, FunctionTool) or tool.takes_context
    origin = live.call_origin(call_id) if is_seen else live.origin()
    key, step_key = ready.key, live.step_key
    mail = run_mail(live.acting.mail, live.mail, live.run, live.clock)
    return RunContext(
        live.deps,
        origin,
        call_id,
        key,
        ready.approved,
        report,
        over,
        nesting,
        show_part,
        step_key,
        mail,
        _artifacts(live, note),
    )


def _artifacts(live: ActiveRun[DepsT], note: Callable[[Event], None]) -> KeepArtifact | None:
    """Puts files on record for the step that the outermost run is; None if it is not a step."""
    refer = live.keep_artifact
    if refer is None or live.nesting is not None:
        return refer  # Of a nested run it is the run around it that puts them on record.

    def keep(path: str | FilePath, name: str, media_type: str) -> Artifact:
        made = refer(path, name, media_type)
        note(Noted(ARTIFACT, made.to_dict(), live.clock.now()))
        return made

    return keep


def _progress(live: ActiveRun[DepsT], ready: ReadyCall[DepsT], text: str) -> Noted:
    data: JsonObject = {"id": ready.call.call.id, "name": ready.name, "text": str(text)}
    return Noted(TOOL_PROGRESS, data, live.clock.now())
