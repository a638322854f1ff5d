"""The OpenAI chat-completion chunk, as defined by the official client's types.

Source: the OpenAI API reference, "The chat completion chunk object". The official class accepts the `model_dump()` of
these models.
"""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "content_filter"]


class _Frozen(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True)


class ChoiceDelta(_Frozen):
    """A piece of the answer. `reasoning_content` is the extension that reasoning models' endpoints share."""

    role: Literal["assistant"] | None = None
    content: str | None = None
    reasoning_content: str | None = None


class ChunkChoice(_Frozen):
    """The one choice of a chunk; `finish_reason` is set in the last."""

    delta: ChoiceDelta
    finish_reason: FinishReason | None = None
    index: int = 0
    logprobs: None = None


class ChunkUsage(_Frozen):
    """Tokens of the whole run; in the last chunk."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletionChunk(_Frozen):
    """One chunk of a streamed answer."""

    id: str
    choices: list[ChunkChoice]
    created: int
    model: str
    object: Literal["chat.completion.chunk"] = "chat.completion.chunk"
    usage: ChunkUsage | None = None
