"""The live view of a run for an application: typed events, tool calls and their results included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from lightagent.application.projections.live_text import LiveText
from lightagent.application.projections.partial_text import reply_text, withholds_content
from lightagent.application.projections.usage import total_usage
from lightagent.application.steps import Step
from lightagent.domain.deltas import TextDelta, is_delta
from lightagent.domain.events import (
    ApprovalRequested,
    CallsRefused,
    Event,
    ModelFailed,
    ModelReplied,
    Nested,
    Noted,
    RunFinished,
    ToolFinished,
    ToolStarted,
)
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import Completed, outcome_error
from lightagent.domain.usage import Usage
from lightagent.ports.tools import NestedDelta, ToolPart

StreamEventType: TypeAlias = Literal[
    "content", "reasoning", "tool_call", "tool_part", "tool_result", "approval_required", "note", "error", "done"
]


@dataclass(frozen=True, slots=True)
class StreamEvent:
    """One thing that happened in a run, as it happens.

    ``content`` and ``reasoning`` hold ``{"text"}``; ``tool_call`` ``{"id", "name", "arguments"}``; ``tool_part``
    ``{"id", "name", "text"}``; ``tool_result`` ``{"id", "name", "output", "status"}``; ``approval_required``
    ``{"id", "name", "reason", "request"}``; ``note`` ``{"kind", …}``; ``error`` ``{"code", "message", "guidance"}``;
    ``done`` ``{"content", "outcome", "finish_reason", "usage"}``.

    Attributes:
        path: empty, or for what happens in an agent that was called as a tool, the ids of the calls that lead to it.
    """

    type: StreamEventType
    data: JsonObject
    trace_id: str
    path: tuple[str, ...] = ()


class StreamEvents:
    """Turns the steps of one run into `StreamEvent`s.

    Args:
        live: False to project a journal, which holds no deltas: then the text of each reply comes whole.
    """

    def __init__(self, trace_id: str, *, live: bool = True, path: tuple[str, ...] = ()) -> None:
        self._trace_id = trace_id
        self._path = path
        self._live = live
        self._text = LiveText(live=live)
        self._names: dict[str, str] = {}
        self._last: ModelReplied | None = None
        self._said = ""
        self._usage = Usage()
        self._children: dict[str, StreamEvents] = {}

    def feed(self, step: Step) -> Iterator[StreamEvent]:
        """What this step shows."""
        if isinstance(step, (ModelReplied, ModelFailed, Nested)):
            self._usage += total_usage((step,))
        if isinstance(step, NestedDelta):
            child = self._child(step.path[0])
            yield from child.feed(NestedDelta(step.path[1:], step.delta) if len(step.path) > 1 else step.delta)
        elif isinstance(step, Nested):
            yield from self._child(step.call_id).feed(step.event)
        elif isinstance(step, ToolPart):
            yield self._event("tool_part", {"id": step.call_id, "name": step.name, "text": step.text})
        else:
            for piece in self._text.feed(step):
                yield self._event("content" if isinstance(piece, TextDelta) else "reasoning", {"text": piece.text})
            if not is_delta(step):
                yield from self._happened(step)

    def _child(self, call_id: str) -> StreamEvents:
        child = self._children.get(call_id)
        if child is None:
            child = StreamEvents(self._trace_id, live=self._live, path=(*self._path, call_id))
            self._children[call_id] = child
        return child

    def _happened(self, event: Event) -> Iterator[StreamEvent]:
        match event:
            case ModelFailed() | ModelReplied():
                self._replied(event)
            case CallsRefused(call_ids=call_ids, error=error):
                for call_id in call_ids:
                    yield self._call("tool_result", call_id, {"output": error.message, "status": "refused"})
            case ToolStarted():
                yield self._call("tool_call", event.call_id, {"arguments": copy_json(event.arguments)})
            case ToolFinished():
                yield self._call("tool_result", event.call_id, {"output": event.output, "status": event.status})
            case ApprovalRequested():
                request = copy_json(event.request)
                yield self._call("approval_required", event.call_id, {"reason": event.reason, "request": request})
            case Noted():
                yield self._event("note", {**copy_json(event.data), "kind": event.kind})
            case RunFinished():
                yield from self._end(event)
            case _:
                pass

    def _replied(self, event: ModelFailed | ModelReplied) -> None:
        self._said = reply_text(event)
        if isinstance(event, ModelReplied):
            self._last = event
            self._names = {call.id: call.name for call in event.message.tool_calls}
            self._children = {}

    def _end(self, event: RunFinished) -> Iterator[StreamEvent]:
        outcome = event.outcome
        error = outcome_error(outcome)
        if error is not None:
            yield self._event("error", {"code": error.code, "message": error.message, "guidance": error.guidance})
        said = "" if withholds_content(event) else self._said
        done: JsonObject = {
            "content": outcome.content if isinstance(outcome, Completed) else said,
            "outcome": outcome.kind,
            "finish_reason": self._last.finish_reason if self._last is not None else None,
            "usage": self._usage.to_dict(),
        }
        yield self._event("done", done)

    def _call(self, kind: StreamEventType, call_id: str, data: JsonObject) -> StreamEvent:
        return self._event(kind, {"id": call_id, "name": self._names.get(call_id, ""), **data})

    def _event(self, kind: StreamEventType, data: JsonObject) -> StreamEvent:
        return StreamEvent(kind, data, self._trace_id, self._path)
