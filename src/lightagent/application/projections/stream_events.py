"""The events of a streamed run: a closed union in which each class has a literal type and its own data."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal, TypeAlias

from lightagent.application.projections.stream_data import (
    ApprovalRequiredData,
    DoneData,
    ErrorData,
    TextData,
    ToolCallData,
    ToolPartData,
    ToolResultData,
)
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject


@dataclass(frozen=True, slots=True)
class PlainEvent:
    """What all stream events have in common."""

    def to_dict(self) -> JsonObject:
        """Return the event as plain data that shares no objects with it."""
        return {one.name: copy_json(getattr(self, one.name)) for one in fields(self)}


@dataclass(frozen=True, slots=True)
class ContentEvent(PlainEvent):
    """A piece of the answer."""

    type: Literal["content"] = field(default="content", init=False)
    data: TextData
    trace_id: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReasoningEvent(PlainEvent):
    """A piece of the model's reasoning."""

    type: Literal["reasoning"] = field(default="reasoning", init=False)
    data: TextData
    trace_id: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolCallEvent(PlainEvent):
    """A tool call starts."""

    type: Literal["tool_call"] = field(default="tool_call", init=False)
    data: ToolCallData
    trace_id: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolPartEvent(PlainEvent):
    """A part of the result of a tool that yields it."""

    type: Literal["tool_part"] = field(default="tool_part", init=False)
    data: ToolPartData
    trace_id: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolResultEvent(PlainEvent):
    """A tool call has ended."""

    type: Literal["tool_result"] = field(default="tool_result", init=False)
    data: ToolResultData
    trace_id: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ApprovalRequiredEvent(PlainEvent):
    """A call waits for a human."""

    type: Literal["approval_required"] = field(default="approval_required", init=False)
    data: ApprovalRequiredData
    trace_id: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoteEvent(PlainEvent):
    """A note of a ``kind``, such as ``tool_progress`` or ``retry``; its other keys depend on the kind."""

    type: Literal["note"] = field(default="note", init=False)
    data: JsonObject
    trace_id: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ErrorEvent(PlainEvent):
    """The run failed; the stream raises no exception."""

    type: Literal["error"] = field(default="error", init=False)
    data: ErrorData
    trace_id: str
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DoneEvent(PlainEvent):
    """The run has ended; always the last event."""

    type: Literal["done"] = field(default="done", init=False)
    data: DoneData
    trace_id: str
    path: tuple[str, ...] = ()


StreamEvent: TypeAlias = (
    ContentEvent
    | ReasoningEvent
    | ToolCallEvent
    | ToolPartEvent
    | ToolResultEvent
    | ApprovalRequiredEvent
    | NoteEvent
    | ErrorEvent
    | DoneEvent
)
"""One event of a run, as it happens.

Its ``type`` and its class determine its ``data``, and ``match`` and ``if`` narrow it by either. Each event has the
run's ``trace_id`` and a ``path``: empty, or for events of an agent that was called as a tool, the ids of the calls that
lead to it.
"""

StreamEventType: TypeAlias = Literal[
    "content", "reasoning", "tool_call", "tool_part", "tool_result", "approval_required", "note", "error", "done"
]
"""The types of these events."""
