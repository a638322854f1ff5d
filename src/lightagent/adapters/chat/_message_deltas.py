"""Whole messages as deltas, for models that do not use a network, with words counted as tokens."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain, cycle

from lightagent.domain.conversation.deltas import (
    Delta,
    ModelReply,
    ReasoningDelta,
    RefusalDelta,
    ReplyEnd,
    TextDelta,
    ToolCallDelta,
)
from lightagent.domain.conversation.messages import AssistantMessage, Message, ToolCall, UserMessage
from lightagent.domain.usage import Usage
from lightagent.ports.models import ChatRequest

_WORD = re.compile(r"\S+\s*|\s+")


def message_deltas(message: AssistantMessage, end: ReplyEnd, *, in_words: bool) -> Iterator[Delta]:
    """Yield `message` as deltas: whole, or word by word for a stream."""
    if message.reasoning:
        yield from map(ReasoningDelta, _pieces(message.reasoning, in_words))
    if message.content:
        yield from map(TextDelta, _pieces(message.content, in_words))
    if message.refusal:
        yield from map(RefusalDelta, _pieces(message.refusal, in_words))
    for index, call in enumerate(message.tool_calls):
        first, *rest = _pieces(call.arguments, in_words) or [""]
        yield ToolCallDelta(index, call.id, call.name, first, call.provider_fields)
        yield from (ToolCallDelta(index, arguments=piece) for piece in rest)
    yield _with_fields(end, message)


def _with_fields(end: ReplyEnd, message: AssistantMessage) -> ReplyEnd:
    return end if message.provider_fields is None else replace(end, provider_fields=message.provider_fields)


def split_into_deltas(reply: str | AssistantMessage | ModelReply, sizes: Sequence[int]) -> tuple[Delta, ...]:
    """Return `reply` as deltas of these many characters, used in turn; they fold to `reply` again.

    Sizes below 1 count as 1.
    """
    whole = whole_reply(reply)
    message, steps = whole.message, cycle([max(1, size) for size in sizes] or [1])
    return tuple(
        chain(
            map(ReasoningDelta, _cut(message.reasoning or "", steps)),
            map(TextDelta, _cut(message.content or "", steps)),
            map(RefusalDelta, _cut(message.refusal or "", steps)),
            *(_cut_call(index, call, steps) for index, call in enumerate(message.tool_calls)),
            (_with_fields(whole.end, message),),
        )
    )


def whole_reply(reply: str | AssistantMessage | ModelReply) -> ModelReply:
    """Return `reply` with an end; one that has none ends with `stop` or `tool_calls`."""
    if isinstance(reply, ModelReply):
        return reply
    message = AssistantMessage(reply) if isinstance(reply, str) else reply
    return ModelReply(message, ReplyEnd("tool_calls" if message.tool_calls else "stop"))


def count_usage(request: ChatRequest, message: AssistantMessage) -> Usage:
    """Count words in place of tokens: a rough estimate that grows with the texts."""
    input_tokens = sum(_words(_texts(one)) for one in request.messages)
    input_tokens += sum(_words(tool.name) + _words(tool.description) for tool in request.tools)
    output_tokens = _words(_texts(message))
    return Usage(input_tokens, output_tokens, input_tokens + output_tokens)


def _texts(message: Message) -> Iterable[str]:
    match message:
        case UserMessage():
            return (message.text,)
        case AssistantMessage():
            calls = (f"{call.name} {call.arguments}" for call in message.tool_calls)
            return (message.reasoning or "", message.content or message.refusal or "", *calls)
        case _:
            return (message.content,)


def _words(texts: str | Iterable[str]) -> int:
    return len(texts.split()) if isinstance(texts, str) else sum(len(text.split()) for text in texts)


def _pieces(text: str, in_words: bool) -> list[str]:
    return _WORD.findall(text) if in_words else [text]


def _cut(text: str, sizes: Iterator[int]) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = start + next(sizes)
        yield text[start:end]
        start = end


def _cut_call(index: int, call: ToolCall, sizes: Iterator[int]) -> Iterator[Delta]:
    yield ToolCallDelta(index, call.id, call.name, provider_fields=call.provider_fields)
    yield from (ToolCallDelta(index, arguments=piece) for piece in _cut(call.arguments, sizes))
