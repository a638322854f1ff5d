"""Trace events: what happened, when and how long, for people and telemetry; without content unless requested."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, assert_never

from lightagent.application.projections.trace_data import (
    candidates_data,
    concluded_data,
    decision_data,
    decision_kind,
    delivered_data,
    planned_data,
    replaced_data,
    selected_data,
    sent_data,
    without_notes,
)
from lightagent.application.projections.trace_event import TraceEvent
from lightagent.application.projections.usage import run_counts, total_usage
from lightagent.domain.conversation.labels import joined, labels_of, untrusted_labels
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.memory.trace import DIGEST, NOTED, memory_notes
from lightagent.domain.outcomes import Cancelled, Completed, outcome_error
from lightagent.domain.planning.plans import Planned
from lightagent.domain.runs.agents import AgentHead
from lightagent.domain.runs.call_folding import result_labels
from lightagent.domain.runs.effects import DeclareTools, HandOver, SendMessage
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
    ModelRetried,
    Nested,
    Noted,
    OutputAccepted,
    OutputRejected,
    RunFinished,
    RunStarted,
    ToolFinished,
    ToolStarted,
    Unrecognized,
)
from lightagent.domain.runs.retries import RETRY
from lightagent.domain.swarm.agent_messages import MessagesDelivered
from lightagent.domain.tools.selection import ToolsSelected

UNKNOWN_TOOL: Final = "unknown"
"""Replaces the name of a tool that a model made up."""


def trace_events(events: Iterable[Event], *, stream: bool = False, capture_content: bool = False) -> list[TraceEvent]:
    """Return the trace of a run.

    Args:
        stream: whether the run was streamed; the journal is the same for both.
        capture_content: include messages, arguments and outputs, which may be private.
    """
    events = tuple(events)
    if not events or not isinstance(events[0], RunStarted):
        return []
    lines: list[TraceEvent] = []
    tracer = _Tracer(events[0], lines, stream=stream, capture=capture_content)
    for event in events:
        tracer.add(event)
    return lines


class LiveTrace:
    """The trace of a run event by event, for observers. Arguments as for `trace_events`."""

    def __init__(self, *, stream: bool = False, capture_content: bool = False) -> None:
        self._stream = stream
        self._capture = capture_content
        self._tracer: _Tracer | None = None
        self._lines: list[TraceEvent] = []

    def add(self, event: Event) -> list[TraceEvent]:
        """Return the trace events for a journal event; a model request is reported once its reply is known."""
        if self._tracer is None:
            if not isinstance(event, RunStarted):
                return []
            self._tracer = _Tracer(event, self._lines, stream=self._stream, capture=self._capture)
        self._tracer.add(event)
        lines = [*self._lines]
        self._lines.clear()
        return lines


class _Tracer:
    """Converts journal events to trace events; a model request is reported, with its own time, after its reply."""

    def __init__(
        self, started: RunStarted, lines: list[TraceEvent], *, stream: bool, capture: bool, path: tuple[str, ...] = ()
    ) -> None:
        self._lines = lines
        self._events: list[Event] = []
        self._started = started
        self._stream = stream
        self._capture = capture
        self._path = path
        self._head: AgentHead = started.acting or started.head
        self._next_head: AgentHead | None = None
        self._request: ModelRequested | None = None
        self._names: dict[str, str] = {}
        self._offered: set[str] = set()
        self._children: dict[str, _Tracer] = {}
        self._untrusted = untrusted_labels(started.messages) if started.untrusted is None else started.untrusted
        self._came: list[str] = []  # labels of results, which the next request shows to the model

    @property
    def untrusted(self) -> tuple[str, ...]:
        """The labels of all untrusted text that has entered the conversation."""
        return joined(self._untrusted, self._came)

    def add(self, event: Event) -> None:
        self._events.append(event)
        match event:
            case RunStarted():
                self._run_start(event)
            case ModelRequested():
                self._head = self._next_head or self._head
                self._next_head = None
                self._request = event
                self._offered.update(event.tools, event.hidden)
                self._untrusted, self._came = joined(self._untrusted, self._came), []
            case ModelFailed() | ModelReplied():
                self._model(event)
            case ToolStarted() | ToolFinished():
                self._tool(event)
            case ApprovalRequested() | ApprovalDecided():
                self._approval(event)
            case Nested():
                self._nested(event)
            case RunFinished():
                self._run_end(event)
            case _:
                self._other(event)
        if not isinstance(event, (ApprovalDecided, CallsRefused, ModelRetried, Nested, Noted, ToolsSelected)):
            self._decided(event)

    def _other(
        self,
        event: Admitted
        | CallsRefused
        | Concluded
        | ContextAdded
        | ContextReplaced
        | MessagesDelivered
        | ModelRetried
        | Noted
        | OutputAccepted
        | OutputRejected
        | Planned
        | ToolsSelected
        | Unrecognized,
    ) -> None:
        match event:
            case ContextAdded() | ContextReplaced() | MessagesDelivered() | Planned() | ToolsSelected():
                self._context(event)
            case OutputRejected(message=message):
                self._line("output_check", event.at, {}, {"message": message.to_openai()})
            case Concluded(details=details):
                self._memories(event.at, details)
                self._line("concluded", event.at, concluded_data(event))
            case CallsRefused(call_ids=call_ids, error=error):
                self._line("calls_refused", event.at, {"call_count": len(call_ids), "code": error.code})
            case Noted():
                self._noted(event)
            case Admitted() | OutputAccepted() | ModelRetried() | Unrecognized():
                pass
            case _:
                assert_never(event)

    def _context(self, event: ContextAdded | ContextReplaced | MessagesDelivered | Planned | ToolsSelected) -> None:
        """Report what was added to, or replaced in, the context of the next request."""
        match event:
            case ContextAdded(source=source, messages=messages, error=error, details=details):
                code: JsonValue = None if error is None else error.code
                told: JsonObject = {"messages": [message.to_openai() for message in messages]}
                labels = labels_of(messages)
                self._came += labels
                data: JsonObject = {"source": source, "message_count": len(messages), "code": code, "labels": [*labels]}
                self._memories(event.at, details)
                self._line("context_added", event.at, data | without_notes(details), told)
            case ContextReplaced(messages=replacing):
                content: JsonObject = {"messages": [message.to_openai() for message in replacing]}
                self._line("context_replaced", event.at, replaced_data(event), content)
            case ToolsSelected():
                self._line("tools_selected", event.at, selected_data(event))
            case MessagesDelivered(told=delivered):
                self._came += labels_of(delivered)
                self._line("messages_delivered", event.at, *delivered_data(event))
            case Planned(message=message):
                self._came += () if message is None else labels_of((message,))
                self._line("plan", event.at, *planned_data(event))
            case _:
                assert_never(event)

    def _decided(
        self,
        event: RunStarted
        | Admitted
        | ApprovalRequested
        | Concluded
        | ContextAdded
        | ContextReplaced
        | MessagesDelivered
        | ModelFailed
        | ModelReplied
        | ModelRequested
        | OutputAccepted
        | OutputRejected
        | Planned
        | RunFinished
        | ToolFinished
        | ToolStarted
        | Unrecognized,
    ) -> None:
        if isinstance(event, (RunStarted, Unrecognized)):
            return
        for decision in event.decisions:
            self._line(decision_kind(decision), event.at, decision_data(decision))

    def _noted(self, event: Noted) -> None:
        if event.kind == NOTED:
            self._memories(event.at, event.data)
            return
        known: JsonObject = {"kind": event.kind}
        if event.kind == TOOL_PROGRESS:
            known |= {name: event.data.get(name) for name in ("id", "name")}
        elif event.kind == RETRY:
            known |= {name: event.data.get(name) for name in ("attempt", "of", "code", "seconds")}
        self._line("note", event.at, known, {"data": copy_json(event.data)})

    def _memories(self, at: float, details: JsonObject) -> None:
        for kind, data in memory_notes(details):
            self._line(kind, at, {name: value for name, value in data.items() if name != DIGEST})

    def _nested(self, event: Nested) -> None:
        tracer = self._children.get(event.call_id)
        if isinstance(event.event, RunStarted):
            path = (*self._path, event.call_id)
            tracer = _Tracer(event.event, self._lines, stream=self._stream, capture=self._capture, path=path)
            self._children[event.call_id] = tracer
        if tracer is not None:
            tracer.add(event.event)

    def _line(self, kind: str, at: float, data: JsonObject, content: JsonObject | None = None) -> None:
        if self._capture and content:
            data = {**data, **content}
        if self._path:
            data = {**data, "path": list(self._path)}
        started = self._started
        around, group = started.parent_trace_id, started.run_group_id
        self._lines.append(TraceEvent(kind, data, started.trace_id, around, group, at))

    def _run_start(self, event: RunStarted) -> None:
        data: JsonObject = {
            "run_id": event.run_id,
            "agent_name": event.head.name,
            "tenant": event.scope.tenant,
            "user_id": event.scope.user,
            "model": event.head.model,
            "policies": list(event.policies),
            "untrusted": [*self._untrusted],
        }
        if event.tags:
            data["tags"] = [*event.tags]
        told = () if event.head.silent else (event.head.instructions,)
        messages: list[JsonValue] = [message.to_openai() for message in (*told, *event.messages)]
        self._line("run_start", event.at, data, {"messages": messages})

    def _model(self, event: ModelFailed | ModelReplied) -> None:
        replied = event if isinstance(event, ModelReplied) else None
        usage = event.usage.to_dict() if event.usage else None
        self._model_request(event.at, replied.latency if replied else None, usage)
        if isinstance(event, ModelFailed):
            if not isinstance(event.ends, Cancelled):  # A caller who stops waiting is not an error.
                self._error(event.error, event.at, {"stage": "model", "attempt": event.attempt})
            return
        self._names = {call.id: call.name for call in event.message.tool_calls}
        answer: JsonObject = {
            "model": event.model or self._head.model,
            "finish_reason": event.finish_reason,
            "tool_calls": [self._shown_name(call.id) for call in event.message.tool_calls],
            "content_chars": len(event.message.content or ""),
            "latency": event.latency,
            "first_delta": event.first_delta,
            "usage": usage,
        }
        told: JsonObject = {**event.message.to_openai(), "content": event.message.text_or_refusal}
        self._children = {}
        self._line("model_response", event.at, answer, {"message": told})

    def _model_request(self, now: float, latency: float | None, usage: JsonObject | None) -> None:
        """Report the request in progress, if there is one."""
        request, self._request = self._request, None
        if request is None:
            return
        data: JsonObject = {
            "agent_name": self._head.name,
            "model": self._head.model,
            "stream": self._stream,
            "message_count": request.message_count,
            "tools": list(request.tools),
            "latency": now - request.at if latency is None else latency,
            "usage": usage,
        }
        self._line("model_request", request.at, data)

    def _shown_name(self, call_id: str) -> str:
        """Return the name of the tool that was called; a name that was never offered is text that the model made up."""
        name = self._names.get(call_id, "")
        return name if self._capture or not name or name in self._offered else UNKNOWN_TOOL

    def _tool(self, event: ToolStarted | ToolFinished) -> None:
        data: JsonObject = {"id": event.call_id, "name": self._shown_name(event.call_id)}
        if isinstance(event, ToolStarted):
            data["untrusted"] = [*self._untrusted]
            self._line("tool_call", event.at, data, {"arguments": copy_json(event.arguments)})
            return
        child = self._children.get(event.call_id)
        labels = result_labels(self._names.get(event.call_id, ""), event, None if child is None else child.untrusted)
        self._came += labels
        data |= {"status": event.status, "output_chars": len(event.output), "duration": event.duration}
        data["labels"] = [*labels]
        if event.error is not None:
            data["code"] = event.error.code
        self._line("tool_result", event.at, data, {"output": event.output})
        for effect in event.effects:
            if isinstance(effect, HandOver):
                head = effect.head
                self._next_head = self._next_head or head
                known: JsonObject = {"source_agent": self._head.name, "target_agent": head.name}
                told: JsonObject = {"instructions": None if head.silent else head.instructions.to_openai()["content"]}
                self._line("handoff", event.at, known, told)
            elif isinstance(effect, DeclareTools):
                found: JsonObject = {"id": event.call_id, "tools": [*effect.names]}
                self._line("tools_found", event.at, {**found, "candidates": candidates_data(effect.candidates)})
            elif isinstance(effect, SendMessage):
                self._line("message_sent", event.at, *sent_data(effect.message))

    def _approval(self, event: ApprovalRequested | ApprovalDecided) -> None:
        data: JsonObject = {
            "id": event.call_id,
            "name": self._shown_name(event.call_id),
        }
        if isinstance(event, ApprovalRequested):
            self._line(
                "approval_required", event.at, data, {"reason": event.reason, "request": copy_json(event.request)}
            )
            return
        decision = event.decision
        shown: JsonObject = {"reason": decision.reason, "arguments": decision.arguments, "output": decision.output}
        self._line(f"approval_{decision.action}", event.at, {**data, "actor": decision.actor}, shown)

    def _error(self, error: LightAgentErrorInfo, at: float, data: JsonObject) -> None:
        # Providers may quote the request in their messages.
        known: JsonObject = {"code": error.code, "guidance": error.guidance, "retryable": error.retryable}
        self._line("error", at, {**known, **data}, {"message": error.message})

    def _run_end(self, event: RunFinished) -> None:
        self._model_request(event.at, None, None)  # a request that was abandoned
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
