"""Completions and chunks of completions, as deltas. A message and a delta have the same fields, so one reader does."""

from __future__ import annotations

from lightagent.adapters.chat.openai.faults import malformed, no_choices, truncated
from lightagent.adapters.chat.openai.provider_fields import ProviderFieldPieces, reasoning_of
from lightagent.adapters.chat.openai.reported_errors import reported_error
from lightagent.adapters.chat.openai.tool_calls import ToolCallPieces
from lightagent.domain.deltas import Delta, ReasoningDelta, RefusalDelta, ReplyEnd, TextDelta
from lightagent.domain.provider_fields import UNKNOWN_MODEL, ModelOrigin
from lightagent.domain.usage import Usage, normalize_usage

_FINISH_REASONS = {
    "model_length": "length",
    "max_tokens": "length",
    "MAX_TOKENS": "length",
    "SAFETY": "content_filter",
    "safety": "content_filter",
    "STOP": "stop",
    "eos": "stop",
    "end_turn": "stop",
}
"""What some servers say, in the words of OpenAI, by which a run tells a cut answer from a whole one."""


class ChoiceReader:
    """Reads the objects of one answer and remembers how it ends. Only choice 0 counts.

    Args:
        origin: the model that is asked.
    """

    __slots__ = ("_calls", "_finish_reason", "_id", "_model", "_provider_fields", "_spoke", "_usage", "size")

    def __init__(self, origin: ModelOrigin = UNKNOWN_MODEL) -> None:
        self._provider_fields = ProviderFieldPieces(origin)
        self._calls = ToolCallPieces()
        self._finish_reason: str | None = None
        self._usage: Usage | None = None
        self._model: str | None = None
        self._id: str | None = None
        self._spoke = False
        self.size = 0
        """Characters told so far."""

    @property
    def finished(self) -> bool:
        """Whether the model has said that it is done; what may follow is the usage."""
        return self._finish_reason is not None

    def read(self, answer: object) -> list[Delta]:
        """The deltas in a completion or a chunk of one."""
        if not isinstance(answer, dict):
            raise malformed("an answer that is no object", answer)
        if (fault := reported_error(answer)) is not None:
            raise fault
        if self._model is None:
            self._begin(answer)
        if isinstance(usage := answer.get("usage"), dict):
            self._usage = normalize_usage(usage)
        choices = answer.get("choices")
        if not choices:
            return []  # an event for the usage or a content filter; that no choice ever came is seen at the end
        if not isinstance(choices, list):
            raise malformed("choices that are no list", choices)
        deltas: list[Delta] = []
        for choice in choices:
            self._choice(choice, deltas)
        return deltas

    def end(self, *, complete: bool) -> ReplyEnd:
        """How the answer ended; `complete`: nothing more was to come even if the model did not say so."""
        if not self._spoke and (complete or self.finished):
            raise no_choices()
        if not complete and not self.finished:
            raise truncated()
        return ReplyEnd(self._finish_reason, self._usage, self._model, self._id, self._provider_fields.whole())

    def _begin(self, answer: dict[object, object]) -> None:
        model, response_id = answer.get("model"), answer.get("id")
        self._model = model if isinstance(model, str) else None
        self._id = response_id if isinstance(response_id, str) else self._id

    def _choice(self, choice: object, deltas: list[Delta]) -> None:
        if not isinstance(choice, dict):
            raise malformed("a choice that is no object", choice)
        if choice.get("index"):
            return
        whole = "message" in choice
        part = choice.get("message" if whole else "delta")
        if isinstance(part, dict):
            self._spoke = True
            self._part(part, deltas, whole=whole)
        elif part is not None:
            raise malformed("a message that is no object", part)
        reason = choice.get("finish_reason")
        if reason is not None:
            self._finish(reason)

    def _finish(self, reason: object) -> None:
        if not isinstance(reason, str):
            raise malformed("a finish reason that is no text", reason)
        if reason == "error":
            raise malformed("the finish reason 'error'", reason)
        self._finish_reason = _FINISH_REASONS.get(reason, reason)

    def _part(self, part: dict[object, object], deltas: list[Delta], *, whole: bool) -> None:
        self.size += self._provider_fields.read(part)
        if reasoning := _text_of(reasoning_of(part)):
            deltas.append(ReasoningDelta(reasoning))
            self.size += len(reasoning)
        if content := _text_of(part.get("content")):
            deltas.append(TextDelta(content))
            self.size += len(content)
        if refusal := _text_of(part.get("refusal")):
            deltas.append(RefusalDelta(refusal))
            self.size += len(refusal)
        if calls := part.get("tool_calls"):
            if not isinstance(calls, list):
                raise malformed("tool calls that are no list", calls)
            for call in self._calls.read(calls, whole=whole):
                deltas.append(call)
                self.size += len(call.arguments)


def _text_of(content: object) -> str:
    """Text, or the text of content parts, which a few servers send."""
    if isinstance(content, str):
        return content
    if not content:
        return ""
    if not isinstance(content, list):
        raise malformed("content that is no text", content)
    parts = [part.get("text") for part in content if isinstance(part, dict)]
    return "".join(text for text in parts if isinstance(text, str))
