"""The events of a streamed flow: a closed union, of which each class has a literal type and data of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, assert_never

from typing_extensions import TypedDict

from lightagent.application.flow.step_result import FlowStatus
from lightagent.application.projections.stream_events import (
    ApprovalRequiredData,
    ApprovalRequiredEvent,
    ContentEvent,
    DoneEvent,
    ErrorEvent,
    NoteEvent,
    PlainEvent,
    ReasoningEvent,
    StreamEvent,
    TextData,
    ToolCallData,
    ToolCallEvent,
    ToolPartData,
    ToolPartEvent,
    ToolResultData,
    ToolResultEvent,
    UsageData,
)
from lightagent.domain.error_codes import ErrorCode, LightAgentErrorInfo
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.review.decisions import ApprovalAction

AttemptStatus: TypeAlias = Literal["success", "failed", "retry", "fallback", "person"]
"""What an attempt at a step came to; after one that failed, who does what next."""


class FlowStartData(TypedDict):
    """A run that begins, or (`resumed`) goes on, with the names of its steps."""

    run_id: str
    flow: str
    steps: list[str]
    resumed: bool


class StepStartData(TypedDict):
    """The number of an attempt at a step, from 1."""

    attempt: int


class FailureData(TypedDict):
    """Why a step or a run failed."""

    code: ErrorCode
    message: str
    guidance: str
    details: JsonObject | None
    retryable: bool


class StepEndData(TypedDict):
    """What an attempt came to: as text, and as plain JSON."""

    attempt: int
    status: AttemptStatus
    content: str
    output: JsonValue
    error: FailureData | None


class ApprovalDecidedData(TypedDict):
    """What somebody decided about the request of this `id`."""

    id: str
    action: ApprovalAction
    actor: str
    reason: str


class FlowDoneData(TypedDict):
    """How a run was left: it has ended, or waits. The tokens are those of all agents in it since the stream began."""

    status: FlowStatus
    content: str
    error: FailureData | None
    usage: UsageData


@dataclass(frozen=True, slots=True)
class FlowStartEvent(PlainEvent):
    """The run begins, or goes on."""

    type: Literal["flow_start"] = field(default="flow_start", init=False)
    data: FlowStartData
    trace_id: str
    step: str = ""
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepStartEvent(PlainEvent):
    """The first attempt at a step begins."""

    type: Literal["step_start"] = field(default="step_start", init=False)
    data: StepStartData
    trace_id: str
    step: str = ""
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepRestartEvent(PlainEvent):
    """An attempt begins anew: what was shown of the step before is void."""

    type: Literal["step_restart"] = field(default="step_restart", init=False)
    data: StepStartData
    trace_id: str
    step: str = ""
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepEndEvent(PlainEvent):
    """An attempt at a step has ended."""

    type: Literal["step_end"] = field(default="step_end", init=False)
    data: StepEndData
    trace_id: str
    step: str = ""
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepContentEvent(PlainEvent):
    """A piece of what the agent says that is the step."""

    type: Literal["content"] = field(default="content", init=False)
    data: TextData
    trace_id: str
    step: str = ""
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepReasoningEvent(PlainEvent):
    """A piece of the reasoning of its model."""

    type: Literal["reasoning"] = field(default="reasoning", init=False)
    data: TextData
    trace_id: str
    step: str = ""
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepToolCallEvent(PlainEvent):
    """A tool call begins."""

    type: Literal["tool_call"] = field(default="tool_call", init=False)
    data: ToolCallData
    trace_id: str
    step: str = ""
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepToolPartEvent(PlainEvent):
    """A part of the answer of a tool that yields it."""

    type: Literal["tool_part"] = field(default="tool_part", init=False)
    data: ToolPartData
    trace_id: str
    step: str = ""
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepToolResultEvent(PlainEvent):
    """A tool call has ended."""

    type: Literal["tool_result"] = field(default="tool_result", init=False)
    data: ToolResultData
    trace_id: str
    step: str = ""
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepNoteEvent(PlainEvent):
    """A remark of a ``kind``; see `NoteEvent`."""

    type: Literal["note"] = field(default="note", init=False)
    data: JsonObject
    trace_id: str
    step: str = ""
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepApprovalRequiredEvent(PlainEvent):
    """The step, or a call of its agent, waits for a human."""

    type: Literal["approval_required"] = field(default="approval_required", init=False)
    data: ApprovalRequiredData
    trace_id: str
    step: str = ""
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StepApprovalDecidedEvent(PlainEvent):
    """Somebody has decided about the step."""

    type: Literal["approval_decided"] = field(default="approval_decided", init=False)
    data: ApprovalDecidedData
    trace_id: str
    step: str = ""
    path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FlowDoneEvent(PlainEvent):
    """The run was left: it has ended, or waits. Always the last event."""

    type: Literal["done"] = field(default="done", init=False)
    data: FlowDoneData
    trace_id: str
    step: str = ""
    path: tuple[str, ...] = ()


FlowStreamEvent: TypeAlias = (
    FlowStartEvent
    | StepStartEvent
    | StepRestartEvent
    | StepEndEvent
    | StepContentEvent
    | StepReasoningEvent
    | StepToolCallEvent
    | StepToolPartEvent
    | StepToolResultEvent
    | StepNoteEvent
    | StepApprovalRequiredEvent
    | StepApprovalDecidedEvent
    | FlowDoneEvent
)
"""One thing that happened in a run of a flow, as it happens.

Its ``type`` and its class tell what its ``data`` holds, and ``match`` and ``if`` narrow it by either. Each has the
run's ``trace_id``, the path of its ``step``, empty where it is about the flow (of a step of the flow that is the step
``outer``: ``outer/inner``), and a ``path``: within the step of an agent, the ids of the calls that lead to an agent
that was called as a tool.
"""

FlowStreamEventType: TypeAlias = Literal[
    "flow_start",
    "step_start",
    "step_restart",
    "step_end",
    "content",
    "reasoning",
    "tool_call",
    "tool_part",
    "tool_result",
    "note",
    "approval_required",
    "approval_decided",
    "done",
]
"""The types of these events."""


def failure_data(error: LightAgentErrorInfo | None) -> FailureData | None:
    """What an event tells of an error."""
    if error is None:
        return None
    return {
        "code": error.code,
        "message": error.message,
        "guidance": error.guidance,
        "details": None if error.details is None else copy_json(error.details),
        "retryable": error.retryable,
    }


def in_step(event: StreamEvent, step: str) -> FlowStreamEvent | None:
    """The event of an agent that is a step; None for its end, which the end of the step tells."""
    match event:
        case ContentEvent():
            return StepContentEvent(event.data, event.trace_id, step, event.path)
        case ReasoningEvent():
            return StepReasoningEvent(event.data, event.trace_id, step, event.path)
        case ToolCallEvent():
            return StepToolCallEvent(event.data, event.trace_id, step, event.path)
        case ToolPartEvent():
            return StepToolPartEvent(event.data, event.trace_id, step, event.path)
        case ToolResultEvent():
            return StepToolResultEvent(event.data, event.trace_id, step, event.path)
        case NoteEvent():
            return StepNoteEvent(event.data, event.trace_id, step, event.path)
        case ApprovalRequiredEvent():
            return StepApprovalRequiredEvent(event.data, event.trace_id, step, event.path)
        case ErrorEvent() | DoneEvent():
            return None
        case _:
            assert_never(event)
