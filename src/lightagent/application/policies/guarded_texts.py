"""A whole reply or answer, as a guardrail of texts leaves it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TypeVar

from lightagent.application.policies.text_guardrails import TextGuard
from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.domain.json_types import JsonValue
from lightagent.domain.policy.findings import Finding
from lightagent.domain.policy.held_text import Channel
from lightagent.domain.policy.phases import OutputPayload, ReplyPayload

PayloadT = TypeVar("PayloadT")


def guarded(guard: TextGuard, payload: PayloadT, structured: bool) -> PayloadT | None:
    """The payload as the guardrail leaves it; None if the guardrail forbids it.

    Args:
        structured: the answer of the run is JSON.
    """
    made: object = payload
    match made:
        case OutputPayload(content=content):
            text = guard.review(content, structured=structured)
            made = None if isinstance(text, Finding) else OutputPayload(text)
        case ReplyPayload(message=message):
            answer = _message(guard, message, structured=structured)
            made = None if answer is None else replace(made, message=answer)
        case _:
            pass
    return made if isinstance(made, type(payload)) else None


def texts_of(payload: object) -> tuple[str, ...]:
    """The texts in a reply or an answer that a guardrail checks."""
    match payload:
        case OutputPayload(content=content):
            return (content,)
        case ReplyPayload(message=message):
            fields = message.provider_fields
            said = (message.content, message.reasoning, message.refusal)
            return (*(text for text in said if text), *(() if fields is None else _texts(fields.fields)))
        case _:
            return ()


def _message(guard: TextGuard, message: AssistantMessage, *, structured: bool) -> AssistantMessage | None:
    texts: list[str | None] = []
    channels: tuple[tuple[Channel, str | None], ...] = (
        ("text", message.content),
        ("reasoning", message.reasoning),
        ("refusal", message.refusal),
    )
    for channel, text in channels:
        is_json = structured and channel == "text" and not message.tool_calls
        made = guard.review(text, channel, structured=is_json) if text else text
        if isinstance(made, Finding):
            return None
        texts.append(made)
    content, reasoning, refusal = texts
    fields = message.provider_fields
    added = () if fields is None else _texts(fields.fields)
    unchanged = texts == [message.content, message.reasoning, message.refusal]
    if unchanged and all(guard.review(one, "reasoning", structured=False) == one for one in added):
        return message
    # The provider's additions may repeat removed text in a form that cannot be rewritten.
    return replace(message, content=content, reasoning=reasoning, refusal=refusal, provider_fields=None)


def _texts(value: JsonValue) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
