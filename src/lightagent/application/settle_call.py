"""Decides about one call before anything is touched."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic

from lightagent.application.plan import RunPlan
from lightagent.application.tools.arguments import parse_arguments
from lightagent.application.tools.toolbox import DepsT
from lightagent.domain.errors import ToolError
from lightagent.domain.events import ApprovalRequested, ToolFinished, ToolStatus
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs import PendingCall, Run
from lightagent.ports.tools import Tool


@dataclass(frozen=True, slots=True)
class ReadyCall(Generic[DepsT]):
    """A call that may run now.

    Attributes:
        shown: the arguments as plain JSON, for the record.
        arguments: the same as the tool wants them.
        key: names this call of this run, the same when it is repeated after a crash.
        approved: a human said yes to exactly these arguments.
    """

    call_id: str
    tool: Tool[DepsT]
    shown: JsonObject
    arguments: Mapping[str, object]
    key: str
    approved: bool


def settle_call(
    run: Run, call: PendingCall, plan: RunPlan[DepsT]
) -> ReadyCall[DepsT] | ToolFinished | ApprovalRequested:
    """Ready to run, or the event that says why it does not run (now)."""
    wanted, decision = call.call, call.decision
    if decision is not None and decision.action == "reject":
        return _finished(call, plan, plan.prompts.call_rejected.format(reason=decision.reason), "rejected")
    if decision is not None and decision.action == "respond":
        return _finished(call, plan, decision.output or "", "answered")
    try:
        tool = plan.tools.offered(wanted.name)
        edited = decision.arguments if decision is not None and decision.action == "edit" else None
        shown = parse_arguments(wanted.arguments) if edited is None else edited
        arguments = tool.check(shown)
    except ToolError as error:
        return _finished(call, plan, str(error), "refused", error)
    if call.status == "started" and not tool.spec.idempotent:
        text = plan.prompts.call_interrupted.format(tool=wanted.name)
        unknown = ToolError(text, guidance="", details={"tool": wanted.name})
        return _finished(call, plan, str(unknown), "unknown", unknown)
    approved = decision is not None
    if tool.spec.requires_approval and not approved and call.status != "started":
        return ApprovalRequested(
            wanted.id, f"{wanted.name} runs only with approval.", {"arguments": shown}, plan.clock.now()
        )
    key = f"{run.started.run_id}:{run.turn}:{wanted.id}"
    return ReadyCall(wanted.id, tool, shown, arguments, key, approved)


def _finished(
    call: PendingCall, plan: RunPlan[DepsT], output: str, status: ToolStatus, error: ToolError | None = None
) -> ToolFinished:
    return ToolFinished(call.call.id, output, status, error.info if error else None, at=plan.clock.now())
