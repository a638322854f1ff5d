"""The live view of a run for an application: from its steps to the events of its stream."""

from __future__ import annotations

from collections.abc import Iterator

from lightagent.application.projections.partial_text import LiveText, reply_text, withholds_content
from lightagent.application.projections.steps import Step
from lightagent.application.projections.stream_events import (
    ApprovalRequiredData,
    ApprovalRequiredEvent,
    ContentEvent,
    DoneData,
    DoneEvent,
    ErrorEvent,
    NoteEvent,
    ReasoningEvent,
    StreamEvent,
    ToolCallData,
    ToolCallEvent,
    ToolPartData,
    ToolPartEvent,
    ToolResultData,
    ToolResultEvent,
    error_data,
    usage_data,
)
from lightagent.application.projections.usage import step_usage
from lightagent.domain.conversation.deltas import TextDelta, is_delta
from lightagent.domain.json_copies import copy_json
from lightagent.domain.outcomes import Completed, outcome_error
from lightagent.domain.runs.events import (
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
    ToolStatus,
)
from lightagent.domain.usage import Usage
from lightagent.ports.tools import NestedDelta, ToolPart


class StreamEvents:
    """Converts the steps of one run to `StreamEvent`s.

    Args:
        live: False to project a journal, which has no deltas: the text of each reply is then one event.
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
        """Yield the events that this step adds."""
        if (usage := step_usage(step)) is not None:
            self._usage += usage
        if isinstance(step, NestedDelta):
            child = self._child(step.path[0])
            yield from child.feed(NestedDelta(step.path[1:], step.delta) if len(step.path) > 1 else step.delta)
        elif isinstance(step, Nested):
            yield from self._child(step.call_id).feed(step.event)
        elif isinstance(step, ToolPart):
            part: ToolPartData = {"id": step.call_id, "name": step.name, "text": step.text}
            yield ToolPartEvent(part, self._trace_id, self._path)
        else:
            for piece in self._text.feed(step):
                kind = ContentEvent if isinstance(piece, TextDelta) else ReasoningEvent
                yield kind({"text": piece.text}, self._trace_id, self._path)
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
                    yield self._result(call_id, error.message, "refused")
            case ToolStarted(call_id=call_id):
                call: ToolCallData = {
                    "id": call_id,
                    "name": self._name(call_id),
                    "arguments": copy_json(event.arguments),
                }
                yield ToolCallEvent(call, self._trace_id, self._path)
            case ToolFinished():
                yield self._result(event.call_id, event.output, event.status)
            case ApprovalRequested():
                yield self._question(event)
            case Noted():
                yield NoteEvent({**copy_json(event.data), "kind": event.kind}, self._trace_id, self._path)
            case RunFinished():
                yield from self._end(event)
            case _:
                pass

    def _name(self, call_id: str) -> str:
        return self._names.get(call_id, "")

    def _result(self, call_id: str, output: str, status: ToolStatus) -> ToolResultEvent:
        result: ToolResultData = {"id": call_id, "name": self._name(call_id), "output": output, "status": status}
        return ToolResultEvent(result, self._trace_id, self._path)

    def _question(self, event: ApprovalRequested) -> ApprovalRequiredEvent:
        asked: ApprovalRequiredData = {
            "id": event.call_id,
            "name": self._name(event.call_id),
            "reason": event.reason,
            "request": copy_json(event.request),
        }
        return ApprovalRequiredEvent(asked, self._trace_id, self._path)

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
            yield ErrorEvent(error_data(error), self._trace_id, self._path)
        said = "" if withholds_content(event) else self._said
        done: DoneData = {
            "content": outcome.content if isinstance(outcome, Completed) else said,
            "outcome": outcome.kind,
            "finish_reason": self._last.finish_reason if self._last is not None else None,
            "usage": usage_data(self._usage),
        }
        yield DoneEvent(done, self._trace_id, self._path)
