"""A run as a streamed chat completion: one stream for all its turns.

Chunks are written by hand around their text, since validating a model of each would cost more than the run itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from lightagent.application.projections.partial_text import LiveText
from lightagent.application.projections.steps import Step
from lightagent.application.projections.usage import total_usage
from lightagent.application.serving.chat.answers import Ending, ending_of, usage_object
from lightagent.application.serving.openai_errors import run_error_frame
from lightagent.application.serving.projections import Opening, StreamProjection
from lightagent.application.serving.run_view import ChatView, ToolSteps, as_line
from lightagent.application.serving.waiting import WaitingSteps
from lightagent.domain.conversation.deltas import TextDelta, is_delta
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.json_bytes import encode_json, encode_text
from lightagent.domain.json_types import JsonObject
from lightagent.domain.outcomes import Completed
from lightagent.domain.planning.plans import Planned
from lightagent.domain.runs.events import (
    Concluded,
    ContextReplaced,
    Event,
    ModelFailed,
    ModelReplied,
    Nested,
    RunFinished,
)
from lightagent.domain.usage import Usage

DONE: Final = b"data: [DONE]\n\n"

_BETWEEN: Final = "\n\n"
"""The separator between the texts of two model turns."""


class ChatChunks(StreamProjection):
    """Writes the chunks of one run."""

    def __init__(self, opening: Opening, view: ChatView, waiting: WaitingSteps | None = None) -> None:
        head: JsonObject = {
            "id": opening.id,
            "object": "chat.completion.chunk",
            "created": opening.created,
            "model": opening.model,
        }
        self._head = b"data: " + encode_json(head)[:-1]
        self._content = self._head + b',"choices":[{"index":0,"delta":{"content":'
        self._view = view
        self._text = LiveText()
        self._waiting = WaitingSteps() if waiting is None else waiting
        self._tools = ToolSteps(self._waiting.waiting)
        self._usage = Usage()
        self._said = False
        self._parted = False
        self._finish = "stop"

    def begin(self) -> bytes:
        """Return the first chunk, which carries the role."""
        return self._chunk({"role": "assistant", "content": ""})

    def feed(self, step: Step) -> bytes:
        if isinstance(step, TextDelta):  # The common case.
            pieces = self._text.feed(step)
            return self._piece(pieces[0]) if len(pieces) == 1 else b"".join(map(self._piece, pieces))
        frames = b"".join(map(self._piece, self._text.feed(step)))
        if is_delta(step):
            return frames
        if self._view.tools != "hidden":
            frames += b"".join(map(self._tool, self._tools.feed(step)))
        return frames + b"".join(self._happened(step))

    def fail(self, info: LightAgentErrorInfo) -> bytes:
        return run_error_frame(info) + DONE

    def _happened(self, step: Step) -> Iterator[bytes]:
        self._waiting.feed(step)
        if isinstance(step, COUNTED):
            self._usage += total_usage((step,))
        if isinstance(step, ModelReplied):
            self._parted = self._said
            self._finish = step.finish_reason or "stop"
        if isinstance(step, RunFinished):
            yield from self._end(step)

    def _end(self, step: RunFinished) -> Iterator[bytes]:
        ending = ending_of(step, self._waiting, self._finish, self._view)
        if ending.error is not None:
            yield self.fail(ending.error)
            return
        if isinstance(step.outcome, Completed) and not self._said and step.outcome.content:
            yield self._chunk({"content": step.outcome.content})
        yield from self._closing(ending)
        if self._view.usage:
            yield self._head + b',"choices":[],"usage":' + encode_json(usage_object(self._usage)) + b"}\n\n"
        yield DONE

    def _closing(self, ending: Ending) -> Iterator[bytes]:
        if ending.sentence:
            yield self._chunk({"content": (_BETWEEN if self._said else "") + ending.sentence})
        for index, call in enumerate(ending.calls):
            yield self._chunk({"tool_calls": [{"index": index, **call}]})
        yield self._chunk({}, ending.finish_reason)

    def _piece(self, piece: object) -> bytes:
        if isinstance(piece, TextDelta):
            text = _BETWEEN + piece.text if self._parted else piece.text
            self._said, self._parted = True, False
            return self._content + encode_text(text) + b'},"finish_reason":null}]}\n\n'
        return self._thought(str(getattr(piece, "text", "")))

    def _thought(self, text: str) -> bytes:
        fields = self._view.reasoning_fields
        return self._chunk(dict.fromkeys(fields, text)) if fields else b""

    def _tool(self, told: JsonObject) -> bytes:
        if self._view.tools == "reasoning":
            return self._thought(as_line(told))
        return self._chunk({}, extension=told)

    def _chunk(
        self, delta: JsonObject, finish_reason: str | None = None, *, extension: JsonObject | None = None
    ) -> bytes:
        rest: JsonObject = {"choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]}
        if extension is not None:
            rest["lightagent"] = extension
        return self._head + b"," + encode_json(rest)[1:] + b"\n\n"


COUNTED: Final[tuple[type[Event], ...]] = (ModelReplied, ModelFailed, ContextReplaced, Concluded, Planned, Nested)
"""The steps that carry token usage."""
