"""Runs calls that are ready, all at once, each in a task of its own, and tells what comes of them as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Generic

from lightagent.aiokits.abandon import GRACE, stop
from lightagent.application.active_run import ActiveRun
from lightagent.application.means import Means
from lightagent.application.prepare_call import ReadyCall, ask_for_approval, stopped_call
from lightagent.application.tools.invoke import CallAnswer, ToolAbandoned, invoke
from lightagent.application.tools.plain_json import PlainJson
from lightagent.application.tools.toolset import DepsT
from lightagent.domain.deltas import is_delta
from lightagent.domain.effects import HandOver, OfferTools
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.errors import LightAgentError, ToolError
from lightagent.domain.events import TOOL_PROGRESS, Event, Nested, Noted, ToolFinished, ToolStatus
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import Blocked
from lightagent.domain.policy import HandoffPayload, Passed, ResultPayload, Stopped
from lightagent.domain.signals import ApprovalRequired, NestedRunWaits
from lightagent.ports.tools import ChildStep, NestedDelta, Nesting, RunContext

_MOST_REQUEST: Final = 1_000_000


async def run_calls(live: ActiveRun[DepsT], ready: list[ReadyCall[DepsT]]) -> None:
    """Tell the calls' events as they happen. Calls that are cut off leave their last words in `live.leftovers`."""
    work = _Work(live)
    tasks = {asyncio.create_task(work.carry_out(call)): call for call in ready}
    for task in tasks:
        task.add_done_callback(work.give_up)
    try:
        left = len(ready)
        while left:
            left -= await work.tell_next()
    finally:
        work.closed = True
        unfinished = [task for task in tasks if not task.done()]
        if unfinished:
            # A nested run waits less than the one around it, which would give it up before its last words.
            abandoned = await stop(unfinished, GRACE / (1 + len(live.path)))
            live.leftovers = [*work.drain(), *(_abandoned(live, tasks[task]) for task in tasks if task in abandoned)]


@dataclass(frozen=True, slots=True)
class _Item:
    """Something that a call tells.

    Attributes:
        step: what is told; the error that no call survives, such as a KeyboardInterrupt; or None for a call that has
            nothing more to tell.
        taken: resolved once whoever watches has taken the step.
        last: this is the call's end.
    """

    step: Event | NestedDelta | BaseException | None
    taken: asyncio.Future[None] | None = None
    last: bool = False


class _Work(Generic[DepsT]):
    """The calls of one turn while they run; each comes to exactly one last item."""

    def __init__(self, live: ActiveRun[DepsT]) -> None:
        self.closed = False
        self._live = live
        self._loop = asyncio.get_running_loop()
        self._items: asyncio.Queue[_Item] = asyncio.Queue()

    async def tell_next(self) -> bool:
        """Tell what happens next; whether a call has come to its end with it."""
        item = await self._items.get()
        if isinstance(item.step, BaseException):
            raise item.step
        try:
            if isinstance(item.step, NestedDelta):
                await self._live.show(item.step)
            elif item.step is not None:
                await self._live.tell(item.step)
        finally:
            if item.taken is not None and not item.taken.done():
                item.taken.set_result(None)
        return item.last

    def drain(self) -> list[Event]:
        """The events that were told but not taken, once nothing runs any more."""
        events: list[Event] = []
        while not self._items.empty():
            step = self._items.get_nowait().step
            if step is not None and not isinstance(step, (NestedDelta, BaseException)):
                events.append(step)
        return events

    def give_up(self, task: asyncio.Task[None]) -> None:
        """What no call survives ends the run."""
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is not None:
            self._items.put_nowait(_Item(error))

    async def carry_out(self, ready: ReadyCall[DepsT]) -> None:
        """Run one call to its result, its wait for a human, or the wait of the agent that it is."""
        over = False

        def report(text: str) -> None:
            data: JsonObject = {"id": ready.call.call.id, "name": ready.tool.spec.name, "text": str(text)}
            if not over and not self.closed:  # A thread that was given up may still talk.
                item = _Item(Noted(TOOL_PROGRESS, data, clock.now()))
                self._loop.call_soon_threadsafe(self._items.put_nowait, item)

        live, clock = self._live, self._live.clock
        began = clock.monotonic()
        event: Event | None
        try:
            answer = await invoke(ready.tool, ready.arguments, self._context(ready, report, lambda: over))
            event = await self._finished(ready, answer, clock.monotonic() - began)
        except ApprovalRequired as signal:
            request = _plain(signal.request) or {"arguments": ready.shown}
            event = await ask_for_approval(live, ready, str(signal.reason), request)
        except NestedRunWaits:
            event = None  # Its own events say what it waits for.
        except LightAgentError as error:
            event = await self._failed(ready, error, clock.monotonic() - began)
        finally:
            over = True
        # After the notes of the call's own thread, which are on their way through the loop.
        self._loop.call_soon(self._items.put_nowait, _Item(event, last=True))

    async def _finished(self, ready: ReadyCall[DepsT], answer: CallAnswer, duration: float) -> ToolFinished:
        """The result as the policies leave it. What the tool did has been done, whatever they say."""
        live, call_id, effects = self._live, ready.call.call.id, answer.effects
        await self._check_offers(answer)
        if answer.hand_over:
            self._agent(answer.hand_over)
        verdict = await self._reviewed(ready, answer.output)
        if isinstance(verdict, Stopped):
            return stopped_call(live, call_id, verdict, "withheld", duration)
        output, decisions = verdict.payload.output, verdict.decisions
        if answer.hand_over:
            handoff = await self._reviewed_handoff(answer.hand_over, call_id)
            decisions += handoff.decisions
            if isinstance(handoff, Stopped):
                return stopped_call(live, call_id, Stopped(handoff.outcome, decisions), "withheld", duration)
            target = self._agent(handoff.payload.target)
            effects = (*effects, HandOver(target.head_for(live.run.head.output_schema)))
        return ToolFinished(call_id, output, "ok", None, effects, None, decisions, duration, live.clock.now())

    async def _failed(self, ready: ReadyCall[DepsT], error: LightAgentError, duration: float) -> ToolFinished:
        """What the model is told of a failure, as the policies leave it: a tool's error may quote anything."""
        live, call_id, text, info = self._live, ready.call.call.id, str(error), error.info
        verdict = await self._reviewed(ready, text)
        if isinstance(verdict, Stopped):
            return stopped_call(live, call_id, verdict, "withheld", duration)
        output, status = verdict.payload.output, _failure_status(error)
        if output != text:
            info = replace(info, message=output, details=None)
        return ToolFinished(call_id, output, status, info, (), None, verdict.decisions, duration, live.clock.now())

    async def _reviewed(self, ready: ReadyCall[DepsT], output: str) -> Passed[ResultPayload] | Stopped:
        live, reviewer = self._live, self._live.reviewer
        if reviewer is None or not reviewer.reviews("tool_result"):
            return Passed(ResultPayload(output))
        subject = live.subject(ready.tool.spec.name, ready.call.call.id)
        return await reviewer.review("tool_result", subject, ResultPayload(output))

    async def _reviewed_handoff(self, target: str, call_id: str) -> Passed[HandoffPayload] | Stopped:
        live, reviewer = self._live, self._live.reviewer
        payload = HandoffPayload(live.run.head.name, target)
        if reviewer is None or not reviewer.reviews("handoff"):
            return Passed(payload)
        verdict = await reviewer.review("handoff", live.subject(target, call_id), payload)
        if isinstance(verdict, Stopped) or verdict.payload.target in live.means.crew:
            return verdict
        info = LightAgentErrorInfo("LA-POLICY", "A policy handed over to an agent that is not among the handoffs.")
        return Stopped(Blocked(info), verdict.decisions)

    def _agent(self, name: str) -> Means[DepsT]:
        crew = self._live.means.crew
        if name not in crew:
            raise _no_such_agent(name, tuple(crew))
        return crew[name]

    async def _check_offers(self, answer: CallAnswer) -> None:
        toolset = await self._live.toolset()
        for effect in answer.effects:
            if isinstance(effect, OfferTools):
                unknown = [name for name in effect.names if name not in toolset.tools]
                if unknown:
                    raise ToolError(f"There is no tool {unknown[0][:80]!r} to offer.", guidance="")

    def _context(
        self, ready: ReadyCall[DepsT], report: Callable[[str], None], over: Callable[[], bool]
    ) -> RunContext[DepsT]:
        live = self._live
        nesting = self._nesting(ready, over) if ready.tool.spec.resumable else None
        return RunContext(
            live.deps, live.full_origin(), ready.call.call.id, ready.key, ready.approved, report, over, nesting
        )

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
        return Nesting(ready.call.child, emit, record, gates, live.stream, live.trace_headers)


def _nested(call_id: str, step: ChildStep) -> Event | NestedDelta:
    if isinstance(step, NestedDelta):
        return NestedDelta((call_id, *step.path), step.delta)
    if is_delta(step):
        return NestedDelta((call_id,), step)
    return Nested(call_id, step)


def _abandoned(live: ActiveRun[DepsT], ready: ReadyCall[DepsT]) -> ToolFinished:
    """The result of a call that did not end when it was cancelled."""
    name = ready.tool.spec.name
    error = ToolAbandoned(
        f"{name} did not end within {GRACE:g} s of being cancelled, so it may still take effect.",
        guidance="",
        details={"tool": name},
    )
    return ToolFinished(ready.call.call.id, str(error), "unknown", error.info, at=live.clock.now())


def _failure_status(error: LightAgentError) -> ToolStatus:
    return "unknown" if isinstance(error, ToolAbandoned) else "failed"


def _no_such_agent(name: str, known: tuple[str, ...]) -> ToolError:
    others = ", ".join(known[:20])
    return ToolError(f"There is no agent {name[:80]!r} to hand over to.", guidance=f"Agents: {others}.")


def _plain(request: object) -> JsonObject:
    """What a reviewer is shown, as what a journal can hold."""
    plain = PlainJson(_MOST_REQUEST).convert(request)
    return plain if isinstance(plain, dict) else {"request": plain}
