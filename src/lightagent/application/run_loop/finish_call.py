"""Runs one call that is ready, and returns the event of its result, after the policies have reviewed it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.active_run.means import Means
from lightagent.application.run_loop.prepare_call import ReadyCall, ask_for_approval, stopped_call
from lightagent.application.tools.deps import DepsT
from lightagent.application.tools.foreign_tool import declared
from lightagent.application.tools.invoke import CallAnswer, ToolAbandoned, invoke, output_labels
from lightagent.application.tools.plain_json import PlainJson
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import LightAgentError, ToolError, format_lightagent_error
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import Blocked
from lightagent.domain.policy.phases import HandoffPayload, Passed, Refused, ResultPayload, Stopped
from lightagent.domain.runs.effects import DeclareTools, Effect, HandOver, OfferTools
from lightagent.domain.runs.events import ApprovalRequested, ToolFinished, ToolStatus
from lightagent.domain.runs.signals import ApprovalRequired, NestedRunWaits
from lightagent.domain.runs.state import Run
from lightagent.domain.swarm.handoff_limits import refused_handoff
from lightagent.domain.tools.selection import as_offered
from lightagent.ports.tools import RunContext

_MOST_REQUEST: Final = 1_000_000


async def carry_out(
    live: ActiveRun[DepsT], ready: ReadyCall[DepsT], context: RunContext[DepsT]
) -> ToolFinished | ApprovalRequested | None:
    """Run a call, and return the event of its result or of its wait for a human.

    None if the call runs an agent that waits for a human: the events of that agent's run record the wait.
    """
    clock = live.clock
    began = clock.monotonic()
    try:
        answer = await invoke(ready.tool, ready.arguments, context)
        return await _finished(live, ready, answer, clock.monotonic() - began)
    except ApprovalRequired as signal:
        request = _plain(signal.request) or {"arguments": ready.shown}
        return await ask_for_approval(live, ready, str(signal.reason), request)
    except NestedRunWaits:
        return None
    except LightAgentError as error:
        return await _failed(live, ready, error, clock.monotonic() - began)


async def _finished(
    live: ActiveRun[DepsT], ready: ReadyCall[DepsT], answer: CallAnswer, duration: float
) -> ToolFinished:
    """Return the event of a result after the policies have reviewed it.

    What the tool did outside stays done. Its effects on the run are recorded only if the policies pass the result.
    """
    call_id, effects = ready.call.call.id, answer.effects
    if effects or answer.candidates:
        effects = await _offers(live, answer)
    if answer.hand_over:
        _check_handoff(live, _agent(live, answer.hand_over))
    verdict = await _reviewed(live, ready, answer.output)
    if isinstance(verdict, (Refused, Stopped)):
        return stopped_call(live, call_id, verdict, "withheld", duration)
    output, decisions = verdict.payload.output, verdict.decisions
    if answer.hand_over:
        handoff = await _reviewed_handoff(live, answer.hand_over, call_id)
        decisions += handoff.decisions
        if isinstance(handoff, (Refused, Stopped)):
            return stopped_call(live, call_id, replace(handoff, decisions=decisions), "withheld", duration)
        target = _agent(live, handoff.payload.target)
        effects = (*effects, HandOver(target.head_for(live.run.head.output_schema)))
    now = live.clock.now()
    return ToolFinished(call_id, output, "ok", None, effects, None, decisions, duration, now, answer.labels)


async def _failed(
    live: ActiveRun[DepsT], ready: ReadyCall[DepsT], error: LightAgentError, duration: float
) -> ToolFinished:
    """Return the event of a failed call. The policies review the error's text too, since it may quote anything."""
    call_id, info = ready.call.call.id, classify_exception(error)
    text = format_lightagent_error(info)
    verdict = await _reviewed(live, ready, text)
    if isinstance(verdict, (Refused, Stopped)):
        return stopped_call(live, call_id, verdict, "withheld", duration)
    output, status = verdict.payload.output, _failure_status(error)
    if output != text:
        info = replace(info, message=output, details=None)
    now, labels = live.clock.now(), output_labels(ready.spec)
    return ToolFinished(call_id, output, status, info, (), None, verdict.decisions, duration, now, labels)


async def _reviewed(
    live: ActiveRun[DepsT], ready: ReadyCall[DepsT], output: str
) -> Passed[ResultPayload] | Refused | Stopped:
    reviewer = live.reviewer
    # The decisions about a call that starts now are recorded with its start; those about an interrupted one are not.
    earlier = ready.decisions if ready.call.status == "started" else ()
    if reviewer is None or not reviewer.reviews("tool_result"):
        return Passed(ResultPayload(output), earlier)
    subject = live.subject(ready.name, ready.call.call.id)
    verdict = await reviewer.review_answer("tool_result", subject, ResultPayload(output))
    return replace(verdict, decisions=earlier + verdict.decisions) if earlier else verdict


async def _reviewed_handoff(
    live: ActiveRun[DepsT], target: str, call_id: str
) -> Passed[HandoffPayload] | Refused | Stopped:
    reviewer = live.reviewer
    payload = HandoffPayload(live.run.head.name, target)
    if reviewer is None or not reviewer.reviews("handoff"):
        return Passed(payload)
    verdict = await reviewer.review_answer("handoff", live.subject(target, call_id), payload)
    if not isinstance(verdict, Passed) or verdict.payload.target in live.means.crew:
        return verdict
    info = LightAgentErrorInfo("LA-POLICY", "A policy handed over to an agent that is not among the handoffs.")
    return Stopped(Blocked(info), verdict.decisions)


def _agent(live: ActiveRun[DepsT], name: str) -> Means[DepsT]:
    crew = live.means.crew
    if name not in crew:
        raise _no_such_agent(name, tuple(crew))
    return crew[name]


def _check_handoff(live: ActiveRun[DepsT], target: Means[DepsT]) -> None:
    """Refuse a handoff beyond the limits, with a text that the model can act on."""
    limits, run = live.means.handoff_limits, live.run
    if limits is None:
        return
    refusal = refused_handoff(run.actors, target.name, limits, _handed_over_to(run))
    if refusal is not None:
        raise ToolError(refusal, guidance="")


def _handed_over_to(run: Run) -> str:
    """Return the name of the agent to which another call of this turn has handed over; empty without one."""
    effects = (effect for call in run.calls.values() for effect in call.effects)
    return next((effect.head.name for effect in effects if isinstance(effect, HandOver)), "")


async def _offers(live: ActiveRun[DepsT], answer: CallAnswer) -> tuple[Effect, ...]:
    """Return the effects of an answer. In a run that selects its tools, an offer becomes a declaration of the offered
    tools as they are now.

    Raises:
        ToolError: a tool that is offered does not exist.
    """
    toolset, known = await live.toolset(), live.run.own_tools
    names = [name for effect in answer.effects if isinstance(effect, OfferTools) for name in effect.names]
    unknown = [name for name in names if name not in toolset.tools]
    if unknown:
        raise ToolError(f"Unknown tool {unknown[0][:80]!r}: it cannot be offered.", guidance="")
    if not known:
        return answer.effects
    has = {tool.name for tool in known}
    new = tuple(name for name in dict.fromkeys(names) if name not in has)
    await toolset.describe(new)
    tools = tuple(as_offered(declared(toolset.tools[name], name)) for name in new)
    others = tuple(effect for effect in answer.effects if not isinstance(effect, OfferTools))
    return (DeclareTools(tuple(dict.fromkeys(names)), tools, answer.candidates), *others)


def _failure_status(error: LightAgentError) -> ToolStatus:
    return "unknown" if isinstance(error, ToolAbandoned) else "failed"


def _no_such_agent(name: str, known: tuple[str, ...]) -> ToolError:
    others = ", ".join(known[:20])
    return ToolError(
        f"Unknown agent {name[:80]!r}: the run cannot be handed over to it.", guidance=f"Agents: {others}."
    )


def _plain(request: object) -> JsonObject:
    """Return the arguments that a reviewer is shown, in a form that a journal can hold."""
    plain = PlainJson(_MOST_REQUEST).convert(request)
    return plain if isinstance(plain, dict) else {"request": plain}
