"""Trace events: what happened, when and how long, for people and telemetry; without content unless asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NotRequired, assert_never

from typing_extensions import TypedDict

from lightagent.application.projections.calls import tool_calls
from lightagent.application.projections.usage import total_usage
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.events import (
    TOOL_PROGRESS,
    ApprovalDecided,
    ApprovalRequested,
    ContextAdded,
    Event,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    Noted,
    OutputAccepted,
    RunFinished,
    RunStarted,
    ToolFinished,
    ToolStarted,
)
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import Completed, outcome_error


class TraceEvent(TypedDict):
    """One line of a trace. `timestamp` is seconds since 1970, UTC."""

    type: str
    data: JsonObject
    trace_id: str
    timestamp: float
    parent_trace_id: NotRequired[str]
    run_group_id: NotRequired[str]


def trace_events(events: Iterable[Event], *, stream: bool = False, capture_content: bool = False) -> list[TraceEvent]:
    """The trace of a run.

    Args:
        stream: whether the run was watched as a stream; the journal is the same for both.
        capture_content: include messages, arguments and outputs. They may be private; they are left out unless asked.
    """
    events = tuple(events)
    if not events or not isinstance(events[0], RunStarted):
        return []
    tracer = _Tracer(events, events[0], stream, capture_content)
    for event in events:
        tracer.add(event)
    return tracer.lines


class _Tracer:
    """Turns journal events into lines; a model request is told when its answer is known, with the time it was made."""

    def __init__(self, events: tuple[Event, ...], started: RunStarted, stream: bool, capture: bool) -> None:
        self.lines: list[TraceEvent] = []
        self._events = events
        self._started = started
        self._stream = stream
        self._capture = capture
        self._request: ModelRequested | None = None
        self._names = {record.id: record.name for record in tool_calls(events)}

    def add(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._run_start(event)
            case ModelRequested():
                self._request = event
            case ModelFailed() | ModelReplied():
                self._model(event)
            case ToolStarted() | ToolFinished():
                self._tool(event)
            case ApprovalRequested() | ApprovalDecided():
                self._approval(event)
            case ContextAdded():
                self._line(event.source, event.at, {"message_count": len(event.messages)})
            case OutputAccepted():
                pass
            case Noted():
                self._note(event)
            case RunFinished():
                self._run_end(event)
            case _:
                assert_never(event)

    def _line(self, kind: str, at: float, data: JsonObject, content: JsonObject | None = None) -> None:
        if self._capture and content:
            data = {**data, **content}
        line = TraceEvent(type=kind, data=data, trace_id=self._started.trace_id, timestamp=at)
        if self._started.parent_trace_id:
            line["parent_trace_id"] = self._started.parent_trace_id
        if self._started.run_group_id:
            line["run_group_id"] = self._started.run_group_id
        self.lines.append(line)

    def _run_start(self, event: RunStarted) -> None:
        data: JsonObject = {
            "run_id": event.run_id,
            "agent_name": event.agent_name,
            "user_id": event.scope.user,
            "model": event.model,
            "tools": list(event.tools),
        }
        self._line("run_start", event.at, data, {"messages": [message.to_openai() for message in event.messages]})

    def _model(self, event: ModelFailed | ModelReplied) -> None:
        replied = event if isinstance(event, ModelReplied) else None
        usage = replied.usage.to_dict() if replied and replied.usage else None
        self._model_request(event.at, replied.latency if replied else None, usage)
        if isinstance(event, ModelFailed):
            self._error(event.error, event.at, {"stage": "model", "attempt": event.attempt})
            return
        answer: JsonObject = {
            "model": event.model or self._started.model,
            "finish_reason": event.finish_reason,
            "tool_calls": [call.name for call in event.message.tool_calls],
            "content_chars": len(event.message.content or ""),
            "latency": event.latency,
            "first_delta": event.first_delta,
            "usage": usage,
        }
        self._line("model_response", event.at, answer, {"message": event.message.to_openai()})

    def _model_request(self, now: float, latency: float | None, usage: JsonObject | None) -> None:
        """The request that is under way, if there is one."""
        request, self._request = self._request, None
        if request is None:
            return
        data: JsonObject = {
            "model": self._started.model,
            "stream": self._stream,
            "message_count": request.message_count,
            "tools": list(self._started.tools),
            "latency": now - request.at if latency is None else latency,
            "usage": usage,
        }
        self._line("model_request", request.at, data)

    def _tool(self, event: ToolStarted | ToolFinished) -> None:
        data: JsonObject = {"id": event.call_id, "name": self._names.get(event.call_id, "")}
        if isinstance(event, ToolStarted):
            self._line("tool_call", event.at, data, {"arguments": event.arguments})
            return
        data |= {"status": event.status, "output_chars": len(event.output), "duration": event.duration}
        if event.error is not None:
            data["code"] = event.error.code
        self._line("tool_result", event.at, data, {"output": event.output})

    def _note(self, event: Noted) -> None:
        shown: JsonObject = {"text": event.data["text"]} if event.kind == TOOL_PROGRESS and "text" in event.data else {}
        rest: JsonObject = {name: value for name, value in event.data.items() if name not in shown}
        self._line(event.kind, event.at, rest, shown)

    def _approval(self, event: ApprovalRequested | ApprovalDecided) -> None:
        data: JsonObject = {
            "id": event.call_id,
            "name": self._names.get(event.call_id, ""),
        }
        if isinstance(event, ApprovalRequested):
            self._line("approval_required", event.at, data, {"reason": event.reason, "request": event.request})
            return
        decision = event.decision
        shown: JsonObject = {"reason": decision.reason, "arguments": decision.arguments, "output": decision.output}
        self._line(f"approval_{decision.action}", event.at, {**data, "actor": decision.actor}, shown)

    def _error(self, error: LightAgentErrorInfo, at: float, data: JsonObject) -> None:
        # A provider likes to quote the request in its message.
        known: JsonObject = {"code": error.code, "guidance": error.guidance, "retryable": error.retryable}
        self._line("error", at, {**known, **data}, {"message": error.message})

    def _run_end(self, event: RunFinished) -> None:
        self._model_request(event.at, None, None)  # one that was given up
        error = outcome_error(event.outcome)
        if error is not None:
            self._error(error, event.at, {"stage": "run"})
        data: JsonObject = {
            "success": isinstance(event.outcome, Completed),
            "outcome": event.outcome.kind,
            "duration_ms": (event.at - self._started.at) * 1000,
            **run_counts(self._events),
            "usage": total_usage(self._events).to_dict(),
        }
        self._line("run_end", event.at, data)


def run_counts(events: Iterable[Event]) -> dict[str, int]:
    """How many model requests, tool calls and repeated attempts a run made."""
    counts = {"model_request_count": 0, "tool_call_count": 0, "retry_count": 0}
    failed = False  # an attempt at the request that is under way; what ends after it is a repetition
    for event in events:
        match event:
            case ModelRequested():
                counts["model_request_count"] += 1
                failed = False
            case ModelFailed() | ModelReplied():
                counts["retry_count"] += failed
                failed = True
            case ToolStarted():
                counts["tool_call_count"] += 1
            case _:
                pass
    return counts
