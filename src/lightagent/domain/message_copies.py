"""Copies of messages, for what leaves to users: content parts and provider fields are JSON that can be changed."""

from __future__ import annotations

from dataclasses import replace

from lightagent.domain.json_copies import copy_json
from lightagent.domain.messages import AssistantMessage, Message, ToolCall, UserMessage


def copy_messages(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Messages that share nothing that can be changed with these; most hold text only, and are the same objects."""
    return tuple(map(copy_message, messages)) if any(map(_can_be_changed, messages)) else messages


def copy_message(message: Message) -> Message:
    """One message likewise."""
    if not _can_be_changed(message):
        return message
    if isinstance(message, AssistantMessage):
        return copy_answer(message)
    if isinstance(message, UserMessage) and not isinstance(message.content, str):
        return replace(message, content=tuple(copy_json(part) for part in message.content))
    return message


def copy_answer(message: AssistantMessage) -> AssistantMessage:
    """An assistant's message likewise."""
    fields = message.provider_fields
    if fields is not None:
        message = replace(message, provider_fields=replace(fields, fields=copy_json(fields.fields)))
    if message.tool_calls and any(call.provider_fields for call in message.tool_calls):
        message = replace(message, tool_calls=tuple(map(_copied_call, message.tool_calls)))
    return message


def _copied_call(call: ToolCall) -> ToolCall:
    added = call.provider_fields
    return call if added is None else replace(call, provider_fields=copy_json(added))


def _can_be_changed(message: Message) -> bool:
    if isinstance(message, UserMessage):
        return not isinstance(message.content, str)
    if isinstance(message, AssistantMessage):
        return message.provider_fields is not None or any(call.provider_fields for call in message.tool_calls)
    return False
