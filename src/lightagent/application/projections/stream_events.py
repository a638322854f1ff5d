"""The events of a streamed run: a closed union in which each class has a literal type and its own data."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Literal, TypeAlias

from typing_extensions import TypedDict

from lightagent.domain.error_codes import ErrorCode, LightAgentErrorInfo
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import RunStatus
from lightagent.domain.runs.events import ToolStatus
from lightagent.domain.usage import Usage


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


class TextData(TypedDict):
    """A piece of the answer, or of the model's reasoning."""

    text: str


class ToolCallData(TypedDict):
    """A tool call that begins."""

    id: str
    name: str
    arguments: JsonObject


class ToolPartData(TypedDict):
    """A part of the answer of a tool that yields it; `id` and `name` are those of the call."""

    id: str
    name: str
    text: str


class ToolResultData(TypedDict):
    """What a tool call came to, as the model is told."""

    id: str
    name: str
    output: str
    status: ToolStatus


class ApprovalRequiredData(TypedDict):
    """What a human must decide about; `request` holds what the tool or the policy wants them to see."""

    id: str
    name: str
    reason: str
    request: JsonObject


class ErrorData(TypedDict):
    """Why a run failed."""

    code: ErrorCode
    message: str
    guidance: str


class UsageData(TypedDict):
    """Tokens; see `Usage`."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    cached_input_tokens: int
    reasoning_tokens: int
    cache_write_tokens: int


class DoneData(TypedDict):
    """How a run ended: its text, the outcome, why the model stopped, and the tokens of the whole run."""

    content: str
    outcome: RunStatus
    finish_reason: str | None
    usage: UsageData


def error_data(error: LightAgentErrorInfo) -> ErrorData:
    """Return the data of an error event."""
    return {"code": error.code, "message": error.message, "guidance": error.guidance}


def usage_data(usage: Usage) -> UsageData:
    """Return `Usage.to_dict` as a typed dictionary."""
    return {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "total_tokens": usage.total_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
    }
