"""What of a run the conventions have no operation for: span events called ``lightagent.…``, without any content.

Attributes hold numbers, truth values and words of our own: names of tools, stores, policies and rules. A reason, a
query and a memory are texts that somebody wrote, and are not told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lightagent.adapters.telemetry.otel.attribute_names import COUNT, Names
from lightagent.adapters.telemetry.otel.plain_values import Attributes
from lightagent.domain.json_types import JsonObject
from lightagent.domain.memory.trace import memory_notes
from lightagent.domain.outcomes import BudgetExhausted, Suspended
from lightagent.domain.planning.plans import Planned
from lightagent.domain.policy.phases import Decision
from lightagent.domain.runs.agents import lasting_name
from lightagent.domain.runs.effects import HandOver, SendMessage
from lightagent.domain.runs.events import (
    TOOL_PROGRESS,
    Admitted,
    ApprovalDecided,
    ApprovalRequested,
    CallsRefused,
    Concluded,
    ContextAdded,
    ContextReplaced,
    Event,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    Noted,
    OutputAccepted,
    OutputRejected,
    RunFinished,
    ToolFinished,
    ToolStarted,
)
from lightagent.domain.swarm.agent_messages import MessagesDelivered
from lightagent.domain.tools.selection import ToolsSelected

SpanEvent = tuple[str, Attributes]

_PREFIX: Final = "lightagent."
_CALL: Final = "lightagent.call.id"
_TOOL: Final = "lightagent.tool.name"
_SOURCE: Final = "lightagent.source"

_OF_POLICIES: Final = (
    Admitted,
    ApprovalRequested,
    Concluded,
    ContextAdded,
    ContextReplaced,
    MessagesDelivered,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    OutputAccepted,
    OutputRejected,
    Planned,
    RunFinished,
    ToolFinished,
    ToolStarted,
)
"""The events that hold decisions of policies."""

_TELLING: Final = frozenset(
    {
        ApprovalDecided,
        ApprovalRequested,
        CallsRefused,
        Concluded,
        ContextAdded,
        ContextReplaced,
        MessagesDelivered,
        Noted,
        OutputRejected,
        Planned,
        ToolsSelected,
    }
)
"""The events that are told as span events whether they hold a decision or not."""

_WORDS: Final = ("store", "kind", "part", "source", "scope", "rule", "status")
"""What notes about memories say in words of our own."""


def is_reported(event: Event) -> bool:
    """Whether span events tell of an event, which most need not."""
    if type(event) in _TELLING:
        return True
    if isinstance(event, ToolFinished) and event.effects:
        return True
    if isinstance(event, RunFinished) and isinstance(event.outcome, (BudgetExhausted, Suspended)):
        return True
    return isinstance(event, _OF_POLICIES) and bool(event.decisions)


def span_events_of(names: Names, event: Event) -> Iterator[SpanEvent]:
    """The names and attributes of the span events that tell of one event."""
    if isinstance(event, _OF_POLICIES) and event.decisions:
        yield from map(decision_event, event.decisions)
    match event:
        case ContextAdded() | Concluded():
            yield from _memories(event.details)
            yield from _served(names, event)
        case ContextReplaced():
            found: Attributes = {_SOURCE: event.source, COUNT: event.count}
            yield "lightagent.context.replaced", _with_error(names, found, event)
        case ToolsSelected():
            yield "lightagent.tools.selected", {COUNT: len(event.names), "lightagent.searched": event.searched}
        case Planned():
            steps = 0 if event.plan is None else len(event.plan.steps)
            asked: Attributes = {COUNT: steps, "lightagent.model_calls": event.model_calls}
            yield "lightagent.planned", _with_error(names, asked, event)
        case MessagesDelivered():
            yield "lightagent.messages.delivered", _with_error(names, {COUNT: len(event.messages)}, event)
        case CallsRefused():
            yield "lightagent.calls.refused", {COUNT: len(event.call_ids), names.error_type: event.error.code}
        case ToolFinished():
            yield from _hand_overs(event)
        case Noted() if event.kind != TOOL_PROGRESS:
            yield "lightagent.note", {"lightagent.kind": event.kind}
        case _:
            yield from _of_review(names, event)


def _of_review(names: Names, event: Event) -> Iterator[SpanEvent]:
    match event:
        case ApprovalRequested():
            yield "lightagent.approval.requested", {_CALL: event.call_id}
        case ApprovalDecided():
            yield (
                "lightagent.approval.decided",
                {_CALL: event.call_id, "lightagent.approval.action": event.decision.action},
            )
        case OutputRejected():
            yield "lightagent.output.rejected", {}
        case RunFinished(outcome=BudgetExhausted(error)):
            yield "lightagent.budget.exhausted", {names.error_type: error.code}
        case RunFinished(outcome=Suspended(call_ids)):
            yield "lightagent.run.suspended", {COUNT: len(call_ids)}
        case _:
            return


def decision_event(decision: Decision) -> SpanEvent:
    """A policy has decided."""
    return "lightagent.policy.decision", {
        "lightagent.policy.phase": decision.phase,
        "lightagent.policy.name": decision.by,
        "lightagent.policy.action": decision.action,
    }


def _memories(details: JsonObject) -> Iterator[SpanEvent]:
    """What was done with memories, such as ``lightagent.memory.write``."""
    for kind, note in memory_notes(details):
        found: Attributes = {}
        for name, value in note.items():
            if isinstance(value, (bool, int, float)) or (isinstance(value, str) and name in _WORDS):
                found[f"lightagent.memory.{name}"] = value
        yield _PREFIX + kind.replace("_", ".", 1), found


def _served(names: Names, event: ContextAdded | Concluded) -> Iterator[SpanEvent]:
    if isinstance(event, Concluded):
        yield "lightagent.concluded", _with_error(names, {_SOURCE: event.name}, event)
    else:
        found: Attributes = {_SOURCE: event.source, COUNT: len(event.messages)}
        yield "lightagent.context.added", _with_error(names, found, event)


def _with_error(
    names: Names, found: Attributes, event: ContextAdded | Concluded | ContextReplaced | MessagesDelivered | Planned
) -> Attributes:
    if event.error is not None:
        found[names.error_type] = event.error.code
    return found


def _hand_overs(event: ToolFinished) -> Iterator[SpanEvent]:
    for effect in event.effects:
        if isinstance(effect, HandOver):
            yield "lightagent.handoff", {"lightagent.agent": lasting_name(effect.head.name), _CALL: event.call_id}
        elif isinstance(effect, SendMessage):
            to = lasting_name(effect.message.recipient)
            yield "lightagent.message.sent", {"lightagent.agent": to, _CALL: event.call_id}


def refused_call(names: Names, event: ToolFinished, tool: str) -> SpanEvent:
    """A call that has its result without having begun: it was refused, or a human decided about it."""
    found: Attributes = {_CALL: event.call_id, "lightagent.tool.status": event.status}
    if tool:
        found[_TOOL] = tool
    if event.error is not None:
        found[names.error_type] = event.error.code
    return "lightagent.call.ended", found
