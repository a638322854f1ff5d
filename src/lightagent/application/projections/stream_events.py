"""The live view of a run for an application: typed events, tool calls and their results included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from lightagent.application.projections.last_words import words_of
from lightagent.application.projections.live_text import LiveText
from lightagent.application.steps import Step, is_event
from lightagent.domain.deltas import TextDelta
from lightagent.domain.events import (
    ApprovalRequested,
    Event,
    ModelFailed,
    ModelReplied,
    Noted,
    RunFinished,
    ToolFinished,
    ToolStarted,
)
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import Completed, outcome_error

StreamEventType: TypeAlias = Literal[
    "content", "reasoning", "tool_call", "tool_result", "approval_required", "note", "error", "done"
]


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One thing that happened in a run, as it happens.

    ``content`` and ``reasoning`` hold ``{"text"}``; ``tool_call`` ``{"id", "name", "arguments"}``; ``tool_result``
    ``{"id", "name", "output", "status"}``; ``approval_required`` ``{"id", "name", "reason", "request"}``; ``note``
    ``{"kind", …}``; ``error`` ``{"code", "message", "guidance"}``;
    ``done`` ``{"content", "outcome", "finish_reason"}``.
    """

    type: StreamEventType
    data: JsonObject
    trace_id: str


class StreamEvents:
    """Turns the steps of one run into `StreamEvent`s; over a journal alone it gives the same events, the text whole."""

    def __init__(self, trace_id: str) -> None:
        self._trace_id = trace_id
        self._text = LiveText()
        self._names: dict[str, str] = {}
        self._last: ModelReplied | None = None
        self._said = ""

    def feed(self, step: Step) -> Iterator[StreamEvent]:
        """What this step shows."""
        for piece in self._text.feed(step):
            yield self._event("content" if isinstance(piece, TextDelta) else "reasoning", {"text": piece.text})
        if is_event(step):
            yield from self._happened(step)

    def _happened(self, event: Event) -> Iterator[StreamEvent]:
        match event:
            case ModelFailed():
                self._said = words_of(event)
            case ModelReplied():
                self._said = words_of(event)
                self._last = event
                self._names = {call.id: call.name for call in event.message.tool_calls}
            case ToolStarted():
                yield self._call("tool_call", event.call_id, {"arguments": event.arguments})
            case ToolFinished():
                yield self._call("tool_result", event.call_id, {"output": event.output, "status": event.status})
            case ApprovalRequested():
                yield self._call("approval_required", event.call_id, {"reason": event.reason, "request": event.request})
            case Noted():
                yield self._event("note", {"kind": event.kind, **event.data})
            case RunFinished():
                yield from self._end(event)
            case _:
                pass

    def _end(self, event: RunFinished) -> Iterator[StreamEvent]:
        error = outcome_error(event.outcome)
        if error is not None:
            yield self._event("error", {"code": error.code, "message": error.message, "guidance": error.guidance})
        done: JsonObject = {
            "content": event.outcome.content if isinstance(event.outcome, Completed) else self._said,
            "outcome": event.outcome.kind,
            "finish_reason": self._last.finish_reason if self._last is not None else None,
        }
        yield self._event("done", done)

    def _call(self, kind: StreamEventType, call_id: str, data: JsonObject) -> StreamEvent:
        return self._event(kind, {"id": call_id, "name": self._names.get(call_id, ""), **data})

    def _event(self, kind: StreamEventType, data: JsonObject) -> StreamEvent:
        return StreamEvent(kind, data, self._trace_id)
