"""The tool calls of a run with their results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import Suspended
from lightagent.domain.runs.events import (
    ApprovalDecided,
    ApprovalRequested,
    CallsRefused,
    Event,
    ModelReplied,
    Nested,
    RunFinished,
    ToolFinished,
    ToolStarted,
    ToolStatus,
)

CallStatus: TypeAlias = ToolStatus | Literal["pending", "started", "waiting", "decided"]
"""How a call ended, or its current state."""


@dataclass(frozen=True, slots=True)
class ToolCallRecord:
    """One call: what the model requested, what was run, and the result.

    Attributes:
        id, name: the id of the call and the name of the tool.
        arguments: those that were run, or that wait for approval; None if there are none.
        raw_arguments: the arguments as the model wrote them.
        output: the text that the model received; None as long as there is none.
        status: how it ended, or ``waiting`` (for a human), or its current state.
        nested: the calls of the agent that this tool ran.
    """

    id: str
    name: str
    raw_arguments: str
    arguments: JsonObject | None = None
    output: str | None = None
    status: CallStatus = "pending"
    nested: tuple[ToolCallRecord, ...] = ()
    duration: float = field(default=0.0, compare=False)

    def to_dict(self) -> JsonObject:
        """Return the record as plain data."""
        return {
            "id": self.id,
            "name": self.name,
            "arguments": None if self.arguments is None else copy_json(self.arguments),
            "raw_arguments": self.raw_arguments,
            "output": self.output,
            "status": self.status,
            "nested": [call.to_dict() for call in self.nested],
            "duration": self.duration,
        }


def tool_calls(events: Iterable[Event]) -> tuple[ToolCallRecord, ...]:
    """Return every call of the run in the order in which the model made them."""
    records: list[ToolCallRecord] = []
    place: dict[str, int] = {}
    nested: dict[int, list[Event]] = {}
    for event in events:
        match event:
            case ModelReplied(message=message):
                place = {call.id: len(records) + at for at, call in enumerate(message.tool_calls)}
                records.extend(ToolCallRecord(call.id, call.name, call.arguments) for call in message.tool_calls)
            case CallsRefused(call_ids=refused, error=error):
                for call_id in refused:
                    at = place[call_id]
                    records[at] = replace(records[at], output=error.message, status="refused")
            case ToolStarted() | ToolFinished() | ApprovalRequested() | ApprovalDecided():
                at = place[event.call_id]
                records[at] = _updated(records[at], event)
            case Nested(call_id=call_id, event=inner):
                at = place[call_id]
                nested.setdefault(at, []).append(inner)
                waits = isinstance(inner, RunFinished) and isinstance(inner.outcome, Suspended)
                records[at] = replace(records[at], status="waiting" if waits else "started")
            case _:
                pass
    return tuple(
        replace(record, nested=tool_calls(nested[at])) if at in nested else record for at, record in enumerate(records)
    )


def _updated(
    record: ToolCallRecord, event: ToolStarted | ToolFinished | ApprovalRequested | ApprovalDecided
) -> ToolCallRecord:
    match event:
        case ToolStarted(arguments=arguments):
            return replace(record, arguments=copy_json(arguments), status="started")
        case ToolFinished(output=output, status=status, duration=duration):
            return replace(record, output=output, status=status, duration=duration)
        case ApprovalRequested(arguments=arguments):
            return replace(record, arguments=copy_json(arguments), status="waiting")
        case ApprovalDecided():
            return replace(record, status="decided")
