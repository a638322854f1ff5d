"""What a model sends while it speaks, and its fold into one reply.

A plain answer is a stream too, of few large deltas; so there is one path for both, and any way to split a stream folds
to the same reply.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

from typing_extensions import TypeIs

from lightagent.domain.conversation.messages import AssistantMessage, ToolCall
from lightagent.domain.conversation.provider_fields import ProviderFields, are_opaque_fields, are_provider_fields
from lightagent.domain.errors import ProviderError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.usage import Usage


@dataclass(frozen=True, slots=True)
class TextDelta:
    """More of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """More of the model's reasoning."""

    text: str


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    """More of a refusal."""

    text: str


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """More of the call at `index`: the id and name as far as they are known, and a piece of the arguments.

    `provider_fields` is what the provider added to the call for itself; those of several pieces are put together.
    """

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""
    provider_fields: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class ReplyEnd:
    """How the answer ended, and what it cost; what is not known is left empty. Several merge.

    `provider_fields` is what the provider wants back with the answer, whole.
    """

    finish_reason: str | None = None
    usage: Usage | None = None
    model: str | None = None
    response_id: str | None = None
    provider_fields: ProviderFields | None = None


Delta: TypeAlias = TextDelta | ReasoningDelta | RefusalDelta | ToolCallDelta | ReplyEnd


_KINDS: Final = (TextDelta, ToolCallDelta, ReasoningDelta, RefusalDelta, ReplyEnd)


def is_delta(value: object) -> TypeIs[Delta]:
    """Whether the value is a delta."""
    return isinstance(value, _KINDS)


def is_whole_delta(value: object) -> TypeIs[Delta]:
    """Whether the value is a delta whose fields are of their declared types, so that it folds into a reply."""
    match value:
        case TextDelta(text) | ReasoningDelta(text) | RefusalDelta(text):
            told: object = text
            return isinstance(told, str)
        case ToolCallDelta():
            return _is_call_piece(value)
        case ReplyEnd():
            return _is_end(value)
        case _:
            return False


@dataclass(frozen=True, slots=True)
class ModelReply:
    """One whole answer of a model."""

    message: AssistantMessage
    end: ReplyEnd


def message_deltas(message: AssistantMessage) -> tuple[Delta, ...]:
    """A whole message as few large deltas, which fold to it again."""
    pieces: list[Delta] = []
    if message.reasoning:
        pieces.append(ReasoningDelta(message.reasoning))
    if message.content:
        pieces.append(TextDelta(message.content))
    if message.refusal:
        pieces.append(RefusalDelta(message.refusal))
    calls = enumerate(message.tool_calls)
    return (*pieces, *(_whole_call(index, call) for index, call in calls))


def _whole_call(index: int, call: ToolCall) -> ToolCallDelta:
    return ToolCallDelta(index, call.id, call.name, call.arguments, call.provider_fields)


class ReplyBuilder:
    """Folds deltas into a `ModelReply`.

    Attributes:
        ended: whether a `ReplyEnd` came; without, the answer may have been cut off anywhere.
    """

    __slots__ = ("_calls", "_end", "_reasoning", "_refusal", "_text", "ended")

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._refusal: list[str] = []
        self._calls: dict[int, _Call] = {}
        self._end = ReplyEnd()
        self.ended: bool = False

    def add(self, delta: Delta) -> None:
        """Take one delta.

        Raises:
            ProviderError: it is none.
        """
        match delta:
            case TextDelta(text) if isinstance(text, str):
                self._text.append(text)
            case ToolCallDelta() if _is_call_piece(delta):
                self._calls.setdefault(delta.index, _Call()).add(delta)
            case ReasoningDelta(text) if isinstance(text, str):
                self._reasoning.append(text)
            case RefusalDelta(text) if isinstance(text, str):
                self._refusal.append(text)
            case ReplyEnd() if _is_end(delta):
                self._end = _merge(self._end, delta)
                self.ended = True
            case _:
                raise _foreign(delta)

    def reply(self) -> ModelReply:
        """What has been said so far, as one reply."""
        calls = tuple(self._calls[index].whole() for index in sorted(self._calls))
        text = _joined(self._text)
        message = AssistantMessage(
            text if text or not calls else None,
            calls,
            _joined(self._reasoning) or None,
            _joined(self._refusal) or None,
            provider_fields=self._end.provider_fields,
        )
        return ModelReply(message, self._end)


def fold_deltas(deltas: Iterable[Delta]) -> ModelReply:
    """All of a stream as one reply."""
    builder = ReplyBuilder()
    for delta in deltas:
        builder.add(delta)
    return builder.reply()


class _Call:
    __slots__ = ("arguments", "id", "name", "provider_fields")

    def __init__(self) -> None:
        self.provider_fields: JsonObject | None = None
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []

    def add(self, delta: ToolCallDelta) -> None:
        # Some models repeat the id and the name in every piece, others tell them once, or the name ever longer.
        self.id = self.id or delta.id
        if delta.name.startswith(self.name):
            self.name = delta.name
        self.arguments.append(delta.arguments)
        if delta.provider_fields:
            self.provider_fields = {**(self.provider_fields or {}), **delta.provider_fields}

    def whole(self) -> ToolCall:
        return ToolCall(self.id, self.name, _joined(self.arguments), self.provider_fields)


def _is_call_piece(delta: ToolCallDelta) -> bool:
    texts: tuple[object, ...] = (delta.id, delta.name, delta.arguments)
    index: object = delta.index
    fields: object = delta.provider_fields
    is_plain = fields is None or are_opaque_fields(fields)
    return isinstance(index, int) and is_plain and all(isinstance(text, str) for text in texts)


def _is_end(delta: ReplyEnd) -> bool:
    texts: tuple[object, ...] = (delta.finish_reason, delta.model, delta.response_id)
    usage: object = delta.usage
    fields: object = delta.provider_fields
    if not (fields is None or are_provider_fields(fields)):
        return False
    return all(text is None or isinstance(text, str) for text in texts) and (usage is None or _is_usage(usage))


def _is_usage(usage: object) -> bool:
    """Whether its counts can be added up, and a journal can hold them."""
    return isinstance(usage, Usage) and all(type(count) is int for count in usage.to_dict().values())


def _foreign(item: object) -> ProviderError:
    """Return the error for a value that is not a delta: models are foreign code, which may not be type-checked."""
    fields = ", ".join(f"{name}={type(value).__name__}" for name, value in _fields(item))
    shown = f"{type(item).__name__}({fields})" if fields else type(item).__name__
    return ProviderError(
        f"The model's stream yielded {shown}, which is not a delta.",
        code="LA-500",
        guidance="ChatModel.stream yields TextDelta, ReasoningDelta, RefusalDelta, ToolCallDelta and ReplyEnd, with "
        "fields of their declared types.",
        retryable=False,
    )


def _fields(item: object) -> list[tuple[str, object]]:
    return [(name, getattr(item, name, None)) for name in getattr(type(item), "__dataclass_fields__", ())]


def _joined(pieces: list[str]) -> str:
    """The pieces as one text. A stream may be cut between the two halves of a UTF-16 pair; they become one again."""
    text = "".join(pieces)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _merge(old: ReplyEnd, new: ReplyEnd) -> ReplyEnd:
    return ReplyEnd(
        new.finish_reason or old.finish_reason,
        new.usage or old.usage,
        new.model or old.model,
        new.response_id or old.response_id,
        new.provider_fields or old.provider_fields,
    )
