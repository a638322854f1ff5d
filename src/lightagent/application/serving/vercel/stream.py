"""A run as the UI message stream of Vercel's AI SDK."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from lightagent.application.projections.partial_text import LiveText
from lightagent.application.projections.steps import Step
from lightagent.application.projections.usage import total_usage
from lightagent.application.serving.chat.answers import Ending, ending_of
from lightagent.application.serving.chat.chunks import COUNTED, DONE
from lightagent.application.serving.error_statuses import public_error
from lightagent.application.serving.projections import StreamProjection
from lightagent.application.serving.run_view import ChatView, ToolSteps, as_line
from lightagent.application.serving.vercel.calls import VercelCalls
from lightagent.application.serving.waiting import WaitingSteps
from lightagent.domain.conversation.deltas import TextDelta, is_delta
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_bytes import encode_json, encode_text
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import Cancelled, Completed, Suspended
from lightagent.domain.runs.events import ModelFailed, ModelReplied, ModelRequested, RunFinished
from lightagent.domain.usage import Usage

STREAM_NAME: Final = {"x-vercel-ai-ui-message-stream": "v1"}
"""The header by which clients recognize the stream."""

_FINISH_REASONS: Final = {"length": "length", "content_filter": "content-filter"}

_Kind: TypeAlias = Literal["text", "reasoning"]


@dataclass(frozen=True, slots=True)
class VercelOpening:
    """What is known of an answer before its run starts.

    Attributes:
        answer_id: unique to this answer; the prefix of the ids of its texts.
        run_id: the id of our run, the prefix of call ids, from which the run can be found again.
        continues: continue the client's last message, which keeps its id; otherwise the answer is a new message.
    """

    answer_id: str
    run_id: str
    continues: bool = False


class VercelStream(StreamProjection):
    """Writes the parts of one answer.

    Args:
        waiting: knows the client's tools, and the calls that waited before the run resumed.
    """

    def __init__(self, opening: VercelOpening, view: ChatView, waiting: WaitingSteps) -> None:
        self._opening = opening
        self._view = view
        self._waiting = waiting
        self._text = LiveText()
        self._tools = ToolSteps(waiting.waiting)
        self._calls = VercelCalls(opening.run_id, waiting, shows_all=view.tools == "extension")
        self._usage = Usage()
        self._finish = "stop"
        self._count = 0
        self._open: _Kind | None = None
        self._delta = b""
        self._said = False
        self._steps = 0
        self._turn_begins = not opening.continues

    def begin(self) -> bytes:
        start: JsonObject = {"type": "start"}
        return _frame(start if self._opening.continues else start | {"messageId": self._opening.answer_id})

    def feed(self, step: Step) -> bytes:
        frames = b"".join(frame for piece in self._text.feed(step) for frame in self._piece(piece))
        return frames if is_delta(step) else frames + b"".join(self._happened(step))

    def fail(self, info: LightAgentErrorInfo) -> bytes:
        return b"".join(self._failed(info))

    def _happened(self, step: Step) -> Iterator[bytes]:
        self._waiting.feed(step)
        if isinstance(step, COUNTED):
            self._usage += total_usage((step,))
        if isinstance(step, ModelReplied):
            self._finish = step.finish_reason or "stop"
        if isinstance(step, (ModelRequested, ModelReplied, ModelFailed)):
            yield from self._close()
        if isinstance(step, ModelRequested):
            self._turn_begins = True
        if self._view.tools == "reasoning" and self._view.reasoning != "none":
            for told in self._tools.feed(step):
                yield from self._say("reasoning", as_line(told))
        for part in self._calls.feed(step):
            yield from self._part(part)
        if isinstance(step, RunFinished):
            yield from self._end(step)

    def _end(self, step: RunFinished) -> Iterator[bytes]:
        ending = ending_of(step, self._waiting, self._finish, self._view)
        if isinstance(step.outcome, Completed) and not self._said and step.outcome.content:
            yield from self._say("text", step.outcome.content)
        if isinstance(step.outcome, Cancelled):
            yield from self._close()
            yield _frame({"type": "abort"}) + DONE
        elif ending.error is not None:
            yield from self._failed(ending.error)
        else:
            yield from self._finished(step, ending)

    def _finished(self, step: RunFinished, ending: Ending) -> Iterator[bytes]:
        reason = _FINISH_REASONS.get(ending.finish_reason, "stop")
        if isinstance(step.outcome, Suspended):
            reason = "tool-calls"
            for part in self._calls.waiting():
                yield from self._part(part)
        yield from self._close()
        if self._steps:
            yield _frame({"type": "finish-step"})
        yield _frame({"type": "finish", "finishReason": reason, "messageMetadata": {"usage": _tokens(self._usage)}})
        yield DONE

    def _failed(self, info: LightAgentErrorInfo) -> Iterator[bytes]:
        told = public_error(info)
        yield from self._close()
        yield _frame({"type": "error", "errorText": f"{told.message} {told.guidance}".rstrip() + f" ({told.code})"})
        yield DONE

    def _piece(self, piece: object) -> Iterator[bytes]:
        text = str(getattr(piece, "text", ""))
        if isinstance(piece, TextDelta):
            self._said = True
            yield from self._say("text", text)
        elif self._view.reasoning != "none":
            yield from self._say("reasoning", text)

    def _say(self, kind: _Kind, text: str) -> Iterator[bytes]:
        if self._open != kind:
            yield from self._close()
            self._count += 1
            yield from self._part({"type": f"{kind}-start", "id": self._id})
            self._open = kind
            self._delta = b"data: " + encode_json({"type": f"{kind}-delta", "id": self._id})[:-1] + b',"delta":'
        yield self._delta + encode_text(text) + b"}\n\n"

    def _close(self) -> Iterator[bytes]:
        if self._open is not None:
            yield _frame({"type": f"{self._open}-end", "id": self._id})
        self._open = None

    def _part(self, part: JsonObject) -> Iterator[bytes]:
        """Yield a part in a step of its own turn: clients look for waiting calls in the last step."""
        yield from self._close()
        if self._turn_begins:
            self._turn_begins = False
            if self._steps:
                yield _frame({"type": "finish-step"})
            self._steps += 1
            yield _frame({"type": "start-step"})
        yield _frame(part)

    @property
    def _id(self) -> str:
        return f"{self._opening.answer_id}-{self._count}"


def _frame(part: JsonObject) -> bytes:
    return b"data: " + encode_json(part) + b"\n\n"


def _tokens(usage: Usage) -> JsonObject:
    """Return the token usage since the request, in the format of the SDK."""
    return {
        "inputTokens": usage.input_tokens,
        "inputTokenDetails": {"cacheReadTokens": usage.cached_input_tokens},
        "outputTokens": usage.output_tokens,
        "outputTokenDetails": {"reasoningTokens": usage.reasoning_tokens},
        "totalTokens": usage.total_tokens,
    }
