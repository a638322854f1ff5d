"""The tool calls of a run with their results."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from lightagent.domain.events import ApprovalRequested, Event, ModelReplied, ToolFinished, ToolStarted, ToolStatus
from lightagent.domain.json_types import JsonObject


@dataclass(frozen=True, slots=True)
class ToolCallRecord:
    """One call: what the model wanted, what ran, what came of it.

    Attributes:
        id, name: of the call.
        arguments: those that ran; None where nothing ran.
        raw_arguments: the model's own text.
        output: the text the model got; None while there is none.
        status: how it ended, or waiting (for a human), or pending.
    """

    id: str
    name: str
    raw_arguments: str
    arguments: JsonObject | None = None
    output: str | None = None
    status: ToolStatus | str = "pending"
    duration: float = field(default=0.0, compare=False)

    def to_dict(self) -> JsonObject:
        """Plain data."""
        return {
            "id": self.id,
            "name": self.name,
            "arguments": self.arguments,
            "raw_arguments": self.raw_arguments,
            "output": self.output,
            "status": self.status,
            "duration": self.duration,
        }


def tool_calls(events: Iterable[Event]) -> tuple[ToolCallRecord, ...]:
    """Every call of the run, in the order the model made them."""
    records: list[ToolCallRecord] = []
    place: dict[str, int] = {}
    for event in events:
        match event:
            case ModelReplied():
                place = {call.id: len(records) + at for at, call in enumerate(event.message.tool_calls)}
                records.extend(ToolCallRecord(call.id, call.name, call.arguments) for call in event.message.tool_calls)
            case ToolStarted():
                at = place[event.call_id]
                records[at] = replace(records[at], arguments=event.arguments, status="started")
            case ToolFinished():
                at = place[event.call_id]
                records[at] = replace(records[at], output=event.output, status=event.status, duration=event.duration)
            case ApprovalRequested():
                at = place[event.call_id]
                records[at] = replace(records[at], status="waiting")
            case _:
                pass
    return tuple(records)
