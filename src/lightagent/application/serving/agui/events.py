"""A run as the events of AG-UI, the Agent User Interaction Protocol."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ag_ui.core import (
    PROTOCOL_VERSION,
    BaseEvent,
    Interrupt,
    ReasoningEndEvent,
    ReasoningMessageContentEvent,
    ReasoningMessageEndEvent,
    ReasoningMessageStartEvent,
    ReasoningStartEvent,
    RunErrorEvent,
    RunFinishedCancelledOutcome,
    RunFinishedEvent,
    RunFinishedInterruptOutcome,
    RunFinishedSuccessOutcome,
    RunStartedEvent,
    TextMessageContentEvent,
    TextMessageEndEvent,
    TextMessageStartEvent,
    TokenUsage,
    ToolCallArgsEvent,
    ToolCallEndEvent,
    ToolCallResultEvent,
    ToolCallStartEvent,
)
from ag_ui.encoder import EventEncoder

from lightagent.application.projections.partial_text import LiveText, is_withheld_reply
from lightagent.application.projections.steps import Step
from lightagent.application.projections.usage import total_usage
from lightagent.application.serving.approvals import answer_form
from lightagent.application.serving.chat.chunks import COUNTED
from lightagent.application.serving.error_statuses import public_error
from lightagent.application.serving.projections import StreamProjection
from lightagent.application.serving.served_run_store import outer_call_id
from lightagent.application.serving.waiting import WaitingStep, WaitingSteps, moment
from lightagent.domain.conversation.deltas import TextDelta, is_delta
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_bytes import encode_json, encode_text, whole_characters
from lightagent.domain.outcomes import Cancelled, Completed, Outcome, Suspended, outcome_error
from lightagent.domain.runs.events import ModelFailed, ModelReplied, RunFinished, ToolFinished, ToolStarted
from lightagent.domain.usage import Usage

_ENCODER: Final = EventEncoder()

_DELTA: Final = b'"delta":'
_EMPTY: Final = b'""'


@dataclass(frozen=True, slots=True)
class AguiOpening:
    """What is known of an answer before its run starts.

    Attributes:
        thread_id, run_id, parent_run_id: the ids that the client sent.
        answer_id: unique to this answer; the prefix of its message ids.
        outer_run_id: the id of our run, with which the results of client tools find it again.
        told: the run's ids of the calls whose results the client has just sent, and therefore has in its messages.
        answer_seconds: how long a call waits for a decision, if it is not a nested agent's; None: without limit.
    """

    thread_id: str
    run_id: str
    parent_run_id: str | None
    answer_id: str
    outer_run_id: str
    told: frozenset[str] = frozenset()
    answer_seconds: float | None = None


class AguiEvents(StreamProjection):
    """Writes the AG-UI events of one run.

    Args:
        waiting: knows the client's tools, and the calls of the last turn before the run resumes.
    """

    def __init__(self, opening: AguiOpening, waiting: WaitingSteps) -> None:
        self._opening = opening
        self._waiting = waiting
        self._text = LiveText()
        self._usage = Usage()
        self._shown = set(waiting.own_calls)
        self._hidden = set(opening.told)
        self._count = 0
        self._message = ""
        self._around = b"", b""
        self._thought = ""
        self._said = False

    def begin(self) -> bytes:
        opening = self._opening
        return _frame(
            RunStartedEvent(
                thread_id=opening.thread_id,
                run_id=opening.run_id,
                parent_run_id=opening.parent_run_id,
                protocol_version=PROTOCOL_VERSION,
            )
        )

    def feed(self, step: Step) -> bytes:
        if self._message and isinstance(step, TextDelta):  # The common case, written by hand for speed.
            before, after = self._around
            return b"".join(before + encode_text(piece.text) + after for piece in self._text.feed(step))
        frames = b"".join(_frame(event) for piece in self._text.feed(step) for event in self._piece(piece))
        return frames if is_delta(step) else frames + b"".join(map(_frame, self._happened(step)))

    def fail(self, info: LightAgentErrorInfo) -> bytes:
        return _frame(self._error(info))

    def _piece(self, piece: object) -> Iterator[BaseEvent]:
        text = str(getattr(piece, "text", ""))
        if isinstance(piece, TextDelta):
            yield from self._text_events(text)
            return
        yield from self._close_message()
        if not self._thought:
            self._thought = self._next_id()
            yield ReasoningStartEvent(message_id=self._thought)
            yield ReasoningMessageStartEvent(message_id=self._thought, role="reasoning")
        yield ReasoningMessageContentEvent(message_id=self._thought, delta=text)

    def _text_events(self, text: str) -> Iterator[BaseEvent]:
        yield from self._close_thought()
        if not self._message:
            self._message = self._next_id()
            before, name, after = _frame(TextMessageContentEvent(message_id=self._message, delta="")).partition(_DELTA)
            self._around = before + name, after.removeprefix(_EMPTY)
            yield TextMessageStartEvent(message_id=self._message, role="assistant")
        self._said = True
        yield TextMessageContentEvent(message_id=self._message, delta=text)

    def _happened(self, step: Step) -> Iterator[BaseEvent]:
        self._waiting.feed(step)
        if isinstance(step, COUNTED):
            self._usage += total_usage((step,))
        match step:
            case ModelReplied():
                yield from self._replied(step)
            case ModelFailed():
                yield from self._close()
            case ToolStarted(call_id=call_id, name=name) if call_id not in self._shown:
                yield from self._call(call_id, name, encode_json(step.arguments).decode(), None)
            case ToolFinished(call_id=call_id) if call_id in self._shown and call_id not in self._hidden:
                yield ToolCallResultEvent(
                    message_id=self._next_id(),
                    tool_call_id=self._outer(call_id),
                    content=whole_characters(step.output),
                    role="tool",
                )
            case RunFinished():
                yield from self._end(step.outcome)
            case _:
                pass

    def _replied(self, replied: ModelReplied) -> Iterator[BaseEvent]:
        """Yield the tool calls of a reply; they belong to the message with its text, if there is one."""
        parent = self._message or self._next_id()
        yield from self._close()
        for call in replied.message.tool_calls:
            if is_withheld_reply(replied):
                self._shown.add(call.id)
                self._hidden.add(call.id)
            else:
                yield from self._call(call.id, call.name, call.arguments, parent)

    def _call(self, call_id: str, name: str, arguments: str, parent: str | None) -> Iterator[BaseEvent]:
        self._shown.add(call_id)
        outer = self._outer(call_id)
        yield ToolCallStartEvent(tool_call_id=outer, tool_call_name=whole_characters(name), parent_message_id=parent)
        yield ToolCallArgsEvent(tool_call_id=outer, delta=whole_characters(arguments))
        yield ToolCallEndEvent(tool_call_id=outer)

    def _end(self, outcome: Outcome) -> Iterator[BaseEvent]:
        if isinstance(outcome, Completed) and not self._said and outcome.content:
            yield from self._text_events(whole_characters(outcome.content))
        yield from self._close()
        error = outcome_error(outcome)
        yield self._error(error) if error is not None else self._finished(outcome)

    def _finished(self, outcome: Outcome) -> RunFinishedEvent:
        told: RunFinishedSuccessOutcome | RunFinishedInterruptOutcome | RunFinishedCancelledOutcome
        told = RunFinishedSuccessOutcome()
        if isinstance(outcome, Cancelled):
            told = RunFinishedCancelledOutcome()
        elif isinstance(outcome, Suspended) and self._waiting.reviews:
            told = RunFinishedInterruptOutcome(interrupts=[*map(self._interrupt, self._waiting.reviews)])
        elif isinstance(outcome, Suspended):
            told.pending_tool_call_ids = [self._outer(call.id) for call in self._waiting.external]
        opening = self._opening
        return RunFinishedEvent(
            thread_id=opening.thread_id, run_id=opening.run_id, outcome=told, usage=[_tokens(self._usage)]
        )

    def _interrupt(self, waiting: WaitingStep) -> Interrupt:
        arguments = whole_characters(encode_json(waiting.arguments).decode())
        is_own = len(waiting.path) == 1
        asks = f"{waiting.name} {arguments}: {waiting.reason}".removesuffix(": ") if waiting.name else waiting.reason
        return Interrupt(
            id=waiting.request_id,
            reason="tool_call",
            message=whole_characters(asks),
            tool_call_id=self._outer(waiting.id) if is_own else None,
            response_schema=answer_form(),
            expires_at=moment(waiting.at, self._opening.answer_seconds) if is_own else None,
        )

    def _error(self, info: LightAgentErrorInfo) -> RunErrorEvent:
        told = public_error(info)
        text = " ".join(filter(None, (told.message, told.guidance)))
        return RunErrorEvent(message=whole_characters(text), code=told.code, usage=[_tokens(self._usage)])

    def _close(self) -> Iterator[BaseEvent]:
        yield from self._close_thought()
        yield from self._close_message()

    def _close_message(self) -> Iterator[BaseEvent]:
        if self._message:
            yield TextMessageEndEvent(message_id=self._message)
        self._message = ""

    def _close_thought(self) -> Iterator[BaseEvent]:
        if self._thought:
            yield ReasoningMessageEndEvent(message_id=self._thought)
            yield ReasoningEndEvent(message_id=self._thought)
        self._thought = ""

    def _outer(self, call_id: str) -> str:
        return outer_call_id(self._opening.outer_run_id, call_id)

    def _next_id(self) -> str:
        self._count += 1
        return f"{self._opening.answer_id}-{self._count}"


def _frame(event: BaseEvent) -> bytes:
    return _ENCODER.encode(event).encode()


def _tokens(usage: Usage) -> TokenUsage:
    return TokenUsage(
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        total_tokens=usage.total_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        cached_input_tokens=usage.cached_input_tokens,
    )
