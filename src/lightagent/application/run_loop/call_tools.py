"""Carries out `CallTools`: runs the calls of a turn concurrently, and records one result for each.

Each call is prepared first: it is refused, waits for a human, or is ready. The start of every ready call is recorded
before any of them runs, so that a stored journal has the intent before the effect. Handoffs run last, one by one.
"""

from __future__ import annotations

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.budgets.spend_budget import Spending
from lightagent.application.run_loop.prepare_call import ReadyCall, prepare_call, stopped_call
from lightagent.application.run_loop.run_calls import run_calls
from lightagent.application.swarm.hand_off import HandoffTool
from lightagent.application.tools.deps import DepsT
from lightagent.application.tools.wrapped_tool import unwrapped
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.runs.events import CallsRefused, ToolFinished, ToolStarted
from lightagent.domain.runs.state import PendingCall
from lightagent.ports.tools import NestingTool


async def call_tools(live: ActiveRun[DepsT], calls: tuple[PendingCall, ...]) -> None:
    """Run these calls and record their events as they happen: started, notes, finished or waiting for approval.

    Calls beyond `Limits.max_calls_per_turn` are refused. If a policy or a budget ends the run first, no call runs.
    """
    most = live.run.limits.max_calls_per_turn
    if len(live.run.calls) > most and (beyond := _beyond(live, calls, most)):
        await live.tell(CallsRefused(beyond, _too_many(len(live.run.calls), most), live.clock.now()))
        refused = set(beyond)
        calls = tuple(call for call in calls if call.call.id not in refused)
    ready: list[ReadyCall[DepsT]] = []
    for call in calls:
        prepared = await prepare_call(live, call)
        if isinstance(prepared, ReadyCall):
            ready.append(prepared)
            if live.spending is None:
                await _begin(live, prepared)
        else:
            await live.tell(prepared)
            if isinstance(prepared, ToolFinished) and prepared.ends is not None:
                await _leave_untouched(live, ready)
                return
        if live.deadline is not None:
            live.deadline.check()  # If nothing waits, no timer would fire.
    if live.spending is not None and not await _within_budget(live, live.spending, ready):
        return
    handing = [call for call in ready if isinstance(unwrapped(call.tool), HandoffTool)]
    others = [call for call in ready if not isinstance(unwrapped(call.tool), HandoffTool)]
    if others:
        await run_calls(live, others)
    await _hand_over(live, handing)


async def _hand_over(live: ActiveRun[DepsT], handing: list[ReadyCall[DepsT]]) -> None:
    """Carry out the handoffs of a turn once its other calls are done, one after another: the first that may wins."""
    for place, call in enumerate(handing):
        if live.run.ending is not None:
            await _leave_untouched(live, handing[place:])
            return
        await run_calls(live, [call])


async def _begin(live: ActiveRun[DepsT], ready: ReadyCall[DepsT]) -> None:
    if ready.call.status != "started":  # Otherwise it was interrupted: its intent is on record already.
        await live.tell(_started(live, ready))


async def _within_budget(live: ActiveRun[DepsT], spending: Spending, ready: list[ReadyCall[DepsT]]) -> bool:
    """Begin the calls of a turn if the budgets have room for all of them; otherwise begin none and end the run.

    If only some of them ran, they would have effects whose results the model never reads.
    """
    new = [call for call in ready if call.call.status != "started"]
    if not new:
        return True
    of_agents = any(isinstance(unwrapped(call.tool), NestingTool) for call in new)
    stopped = await spending.reserve_calls(len(new), of_agents=of_agents)
    if stopped is None:
        left = len(new)
        try:
            for call in new:
                left -= 1
                await _begin(live, call)
        finally:
            spending.release_calls(left)
        return True
    for call in new:
        await live.tell(stopped_call(live, call.call.call.id, stopped))
    return False


def _started(live: ActiveRun[DepsT], ready: ReadyCall[DepsT]) -> ToolStarted:
    now = live.clock.now()
    return ToolStarted(ready.call.call.id, ready.name, ready.shown, ready.key, ready.decisions, now)


async def _leave_untouched(live: ActiveRun[DepsT], ready: list[ReadyCall[DepsT]]) -> None:
    """A policy ended the run: record that the calls whose intent is on record already were not carried out."""
    for call in ready:
        text = "[LA-TOOL] This call was not carried out, since a policy ended the run."
        await live.tell(ToolFinished(call.call.call.id, text, "refused", at=live.clock.now()))


def _beyond(live: ActiveRun[DepsT], calls: tuple[PendingCall, ...], most: int) -> tuple[str, ...]:
    """The calls after the first `most` of the turn that have not begun."""
    late = set(list(live.run.calls)[most:])
    return tuple(call.call.id for call in calls if call.status == "new" and call.call.id in late)


def _too_many(count: int, most: int) -> LightAgentErrorInfo:
    return LightAgentErrorInfo(
        "LA-TOOL",
        f"[LA-TOOL] This reply makes {count:,} calls; at most {most:,} are carried out in one turn. "
        "This one was not: call it again in the next turn if it is still needed.",
        "Raise Limits.max_calls_per_turn.",
        {"max_calls_per_turn": most},
    )
