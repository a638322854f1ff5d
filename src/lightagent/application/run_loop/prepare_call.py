"""Decides about one call before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Generic

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.active_run.apply_policy import Reviewer
from lightagent.application.tools.arguments import parse_arguments, refused
from lightagent.application.tools.deps import DepsT
from lightagent.application.tools.foreign_tool import BrokenTool, checked, declared
from lightagent.domain.conversation.call_forms import resolve_called_name
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import LightAgentError, ToolError, format_lightagent_error
from lightagent.domain.json_copies import copy_json, same_json
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import outcome_error
from lightagent.domain.policy.information_flow import BY, FlowRuling, strictest
from lightagent.domain.policy.phases import ApprovalPayload, Asked, CallPayload, Decision, Refused, Stopped
from lightagent.domain.runs.events import ApprovalRequested, ToolFinished, ToolStatus
from lightagent.domain.runs.state import PendingCall, Run, call_key
from lightagent.domain.skills.permissions import forbidden_by
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.tools import Tool


@dataclass(frozen=True, slots=True)
class ReadyCall(Generic[DepsT]):
    """A call that may run now.

    Attributes:
        name: of the tool, as it was offered.
        spec: its declaration, as it was when the call was prepared.
        shown: the arguments as plain JSON, for the record.
        arguments: the same as the tool wants them.
        key: names this call of this run, the same when it is repeated after a crash.
        approved: a human said yes to exactly these arguments.
        decisions: what the policies decided about it.
    """

    call: PendingCall
    tool: Tool[DepsT]
    name: str
    spec: ToolSpec
    shown: JsonObject
    arguments: Mapping[str, object]
    key: str
    approved: bool
    decisions: tuple[Decision, ...] = ()


async def prepare_call(
    live: ActiveRun[DepsT], call: PendingCall
) -> ReadyCall[DepsT] | ToolFinished | ApprovalRequested:
    """Ready to run, or the event that says why it does not run (now)."""
    wanted, decision = call.call, call.decision
    prompts, toolset = live.acting.prompts, await live.toolset()
    if decision is not None and decision.action == "reject":
        return _finished(live, call, prompts.call_rejected.format(reason=decision.reason), "rejected")
    if decision is not None and decision.action == "respond":
        return _finished(live, call, decision.output or "", "answered")
    try:
        offered = live.run.offered or ()
        tool, name = toolset.find(wanted.name, offered), resolve_called_name(wanted.name, offered)
        shown = parse_arguments(wanted.arguments) if call.arguments is None else call.arguments
        spec = declared(tool, name)
        _check_narrowings(live, spec)
        if call.status == "started" and not (spec.idempotent or spec.resumable):
            raise _interrupted(wanted.name, prompts.call_interrupted)
        arguments = checked(tool, name, copy_json(shown))
    except LightAgentError as error:
        return _not_called(live, call, error)
    ready = ReadyCall(call, tool, name, spec, shown, arguments, call_key(live.run, wanted.id), decision is not None)
    if call.status == "started":
        return await _repeated(live, ready)
    if decision is not None and decision.action == "approve":
        unseen = newcomers(live, call.reviewers)  # The others have passed what the human approved.
        return ready if unseen is None else await _reviewed(live, ready, unseen)
    return await _reviewed(live, ready, live.reviewer)


def _check_narrowings(live: ActiveRun[DepsT], spec: ToolSpec) -> None:
    """Raise where something that came before in this run, such as a skill, does not let the tool be called.

    Raises:
        ToolError: it does not; the text tells the model what it may call.
    """
    narrowing = forbidden_by(live.run.narrowings, spec)
    if narrowing is not None:
        allowed = ", ".join(narrowing.names) or "none"
        raise refused(live.acting.prompts.call_not_allowed.format(tool=spec.name, by=narrowing.by, tools=allowed))


async def _repeated(live: ActiveRun[DepsT], ready: ReadyCall[DepsT]) -> ReadyCall[DepsT] | ToolFinished:
    """A call that a crash interrupted. What its policies made of it is on record; those that joined since may stop it.

    They cannot change it any more: it may have taken effect as it is. A nested run goes on, and is reviewed inside.
    """
    call, name = ready.call, ready.name
    unseen = None if call.child is not None else newcomers(live, call.reviewers)
    if unseen is None or not unseen.reviews("tool_call"):
        return ready
    subject = live.subject(name, call.call.id, specs=(ready.spec,))
    verdict = await unseen.review_call(subject, CallPayload(copy_json(ready.shown)))
    if isinstance(verdict, (Refused, Stopped)):
        return stopped_call(live, call.call.id, verdict, "unknown")
    if isinstance(verdict, Asked) or not same_json(verdict.payload.arguments, ready.shown):
        error = _interrupted(name, live.acting.prompts.call_interrupted)
        return _not_called(live, call, error, verdict.decisions)
    return replace(ready, decisions=verdict.decisions)  # They go on record with its result.


def newcomers(live: ActiveRun[DepsT], known: tuple[str, ...] = ()) -> Reviewer | None:
    """The gates of policies that the run was not begun with, and that are not `known` besides."""
    reviewer = live.reviewer
    return None if reviewer is None else reviewer.unknown_to((*_begun_with(live.run), *known))


def _begun_with(run: Run) -> tuple[str, ...]:
    """The policies that reviewed the agent that acts when the run was begun."""
    started = run.started
    return (
        *started.policies,
        *(name for one in started.handoff_policies if one.agent == run.head.name for name in one.policies),
    )


async def _reviewed(
    live: ActiveRun[DepsT], ready: ReadyCall[DepsT], reviewer: Reviewer | None
) -> ReadyCall[DepsT] | ToolFinished | ApprovalRequested:
    """The call as the policies leave it, and then as the tool's own declaration wants it approved."""
    name, call_id = ready.name, ready.call.call.id
    reason = f"{name} runs only with approval." if ready.spec.requires_approval and not ready.approved else None
    if reviewer is not None and reviewer.reviews("tool_call"):
        subject = live.subject(name, call_id, specs=(ready.spec,), approved=ready.approved)
        verdict = await reviewer.review_call(subject, CallPayload(copy_json(ready.shown)))
        if isinstance(verdict, (Refused, Stopped)):
            return stopped_call(live, call_id, verdict)
        if isinstance(verdict, Asked):
            reason = verdict.reason
        decisions = verdict.decisions + _seen_by(newcomers(live))
        changed = _with_arguments(live, ready, verdict.payload.arguments, decisions)
        if isinstance(changed, ToolFinished):
            return changed
        if ready.approved and not changed.approved and reason is None:
            reason = "A policy changed what was approved."
        ready = changed
    untrusted = live.run.untrusted
    flow = strictest(live.flows, ready.spec, untrusted) if untrusted and not ready.approved else None
    if flow is not None:
        if flow.access == "deny":
            return _denied(live, ready, flow)
        ready = replace(ready, decisions=(*ready.decisions, Decision("tool_call", BY, "ask", flow.reason)))
        reason = flow.reason if reason is None else f"{reason} {flow.reason}"
    if reason is None:
        return ready
    return await ask_for_approval(live, ready, reason, {"arguments": copy_json(ready.shown)}, ready.decisions)


def _denied(live: ActiveRun[DepsT], ready: ReadyCall[DepsT], flow: FlowRuling) -> ToolFinished:
    """The result of a tainted call where such calls are refused."""
    text = f"{flow.reason} Such calls are refused here."
    info = LightAgentErrorInfo("LA-POLICY", text, "Go on without it, or say that it is refused.")
    decisions = (*ready.decisions, Decision("tool_call", BY, "block", flow.reason))
    return stopped_call(live, ready.call.call.id, Refused(info, decisions))


def _seen_by(newcomers: Reviewer | None) -> tuple[Decision, ...]:
    """That these have reviewed the call: once they have, an approval is not asked for again."""
    if newcomers is None or not newcomers.reviews("tool_call"):
        return ()
    return tuple(Decision("tool_call", name, "allow", "It joined the run later.") for name in newcomers.policies)


def _with_arguments(
    live: ActiveRun[DepsT], ready: ReadyCall[DepsT], shown: JsonObject, decisions: tuple[Decision, ...]
) -> ReadyCall[DepsT] | ToolFinished:
    if same_json(shown, ready.shown):
        return replace(ready, decisions=decisions)
    try:
        arguments = checked(ready.tool, ready.name, copy_json(shown))
    except LightAgentError as error:
        return _not_called(live, ready.call, error, decisions)
    # The approval was given without seeing these arguments.
    return replace(ready, shown=copy_json(shown), arguments=arguments, approved=False, decisions=decisions)


async def ask_for_approval(
    live: ActiveRun[DepsT],
    ready: ReadyCall[DepsT],
    reason: str,
    request: JsonObject,
    decisions: tuple[Decision, ...] = (),
) -> ApprovalRequested | ToolFinished:
    """The event that has a human decide, as the policies leave it."""
    reviewer, call_id = live.reviewer, ready.call.call.id
    if reviewer is not None and reviewer.reviews("approval"):
        subject = live.subject(ready.name, call_id)
        verdict = await reviewer.review_answer("approval", subject, ApprovalPayload(reason, request))
        if isinstance(verdict, (Refused, Stopped)):
            return stopped_call(live, call_id, replace(verdict, decisions=decisions + verdict.decisions))
        reason, request = verdict.payload.reason, verdict.payload.request
        decisions += verdict.decisions
    return ApprovalRequested(call_id, reason, request, ready.shown, decisions, live.clock.now())


def stopped_call(
    live: ActiveRun[DepsT],
    call_id: str,
    stopped: Refused | Stopped,
    status: ToolStatus = "refused",
    duration: float = 0.0,
) -> ToolFinished:
    """The result of a call that a policy refused, or at which it ended the run."""
    ends = stopped.outcome if isinstance(stopped, Stopped) else None
    error = stopped.error if isinstance(stopped, Refused) else outcome_error(stopped.outcome)
    text = "A policy ended the run." if error is None else str(ToolError(error.message, code=error.code, guidance=""))
    return ToolFinished(
        call_id,
        text,
        status,
        error,
        ends=ends,
        decisions=stopped.decisions,
        duration=duration,
        at=live.clock.now(),
    )


class _Interrupted(ToolError):
    """The process stopped while the call was running."""


def unknown_result(call_id: str, name: str, prompt: str, now: float) -> ToolFinished:
    """The result of a call that may or may not have been made."""
    info = classify_exception(_interrupted(name, prompt))
    return ToolFinished(call_id, format_lightagent_error(info), "unknown", info, at=now)


def _interrupted(name: str, prompt: str) -> _Interrupted:
    return _Interrupted(prompt.format(tool=name), guidance="", details={"tool": name})


def _not_called(
    live: ActiveRun[DepsT], call: PendingCall, error: LightAgentError, decisions: tuple[Decision, ...] = ()
) -> ToolFinished:
    info = classify_exception(error)
    status: ToolStatus = "refused"
    if isinstance(error, _Interrupted):
        status = "unknown"
    elif isinstance(error, BrokenTool):
        status = "failed"
    text = format_lightagent_error(info)
    return ToolFinished(call.call.id, text, status, info, decisions=decisions, at=live.clock.now())


def _finished(live: ActiveRun[DepsT], call: PendingCall, output: str, status: ToolStatus) -> ToolFinished:
    return ToolFinished(call.call.id, output, status, at=live.clock.now())
