"""Arranges the messages of a conversation in the order and with the roles that an endpoint accepts.

How one message is written depends only on its recipient and is decided by the message
(`domain/conversation/messages.py`). Here is what depends on its neighbours. An endpoint of the usual form gets the
messages of the request unchanged.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final, TypeAlias

from lightagent.adapters.chat._profiles import EndpointProfile
from lightagent.domain.conversation.messages import AssistantMessage, ContextMessage, Message, ToolMessage, UserMessage
from lightagent.domain.json_types import JsonObject

_Content: TypeAlias = str | tuple[JsonObject, ...]

_EMPTY_ANSWER: Final = AssistantMessage()
"""An empty assistant message. Like every empty one, it is sent with a placeholder text."""

_OPENING: Final = UserMessage("(The assistant speaks first.)")
"""Inserted before an assistant message at the beginning, if the endpoint requires a user message first."""


def fitted_messages(profile: EndpointProfile, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return the messages as the endpoint accepts them, unchanged if it has no special requirements."""
    if not profile.system_role:
        messages = _without_system(messages)
    if not profile.names:
        messages = tuple([_without_name(message) for message in messages])
    if not profile.repeated_ids:
        messages = _with_ids_of_their_own(messages)
    if profile.alternating:
        return _in_turns(messages)
    return messages if profile.user_after_tools else _with_empty_answers(messages)


def _without_system(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Move the instructions into the first user message, for an endpoint without system messages."""
    if not messages or messages[0].role != "system":
        return messages
    instructions, first = messages[0].content, messages[1:2]
    if first and isinstance(first[0], UserMessage) and isinstance(first[0].content, str):
        return (UserMessage(f"{instructions}\n\n{first[0].content}"), *messages[2:])
    return (UserMessage(instructions), *messages[1:])


def _without_name(message: Message) -> Message:
    if isinstance(message, UserMessage | AssistantMessage | ToolMessage) and message.name is not None:
        return replace(message, name=None)
    return message


def _with_ids_of_their_own(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Give each call whose id an earlier message used, and its result, another id."""
    used: Counter[str] = Counter()
    again: dict[str, str] = {}
    fitted: list[Message] = []
    for message in messages:
        if isinstance(message, AssistantMessage) and message.tool_calls:
            ids = [call.id for call in message.tool_calls]
            # The space is invalid in every form of ids, so the id that is sent is derived from the whole text.
            again = {id_: f"{id_} {used[id_]}" for id_ in ids if id_ in used}
            used.update(ids)
            if again:
                calls = [replace(call, id=again.get(call.id, call.id)) for call in message.tool_calls]
                message = replace(message, tool_calls=tuple(calls))
        elif isinstance(message, ToolMessage) and message.tool_call_id in again:
            message = replace(message, tool_call_id=again[message.tool_call_id])
        fitted.append(message)
    return tuple(fitted)


def _with_empty_answers(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Insert an empty assistant message wherever a user message directly follows the results of tools.

    Conversations look like this after a run that was stopped, or reached a limit, before the model answered.
    """
    fitted: list[Message] = []
    for message in messages:
        if isinstance(message, UserMessage | ContextMessage) and fitted and isinstance(fitted[-1], ToolMessage):
            fitted.append(_EMPTY_ANSWER)
        fitted.append(message)
    return tuple(fitted)


def _in_turns(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """Make user and assistant take turns, beginning with the user.

    Several messages of one role in a row are joined into one.
    """
    fitted: list[Message] = []
    for message in _with_empty_answers(messages):
        last = fitted[-1] if fitted else None
        if isinstance(message, AssistantMessage) and (last is None or last.role == "system"):
            fitted += (_OPENING, message)
        elif (joined := _joined(last, message)) is not None:
            fitted[-1] = joined
        else:
            fitted.append(message)
    return tuple(fitted)


def _joined(first: Message | None, second: Message) -> Message | None:
    """Return both in one message, or None if their roles differ or the first has tool calls."""
    if isinstance(first, UserMessage | ContextMessage) and isinstance(second, UserMessage | ContextMessage):
        return UserMessage(_together(_content(first), _content(second)))
    if isinstance(first, AssistantMessage) and isinstance(second, AssistantMessage) and not first.tool_calls:
        texts = [text for text in (first.text_or_refusal, second.text_or_refusal) if text and not text.isspace()]
        return replace(second, content="\n\n".join(texts) or None, refusal=None)
    return None


def _content(message: UserMessage | ContextMessage) -> _Content:
    return message.delimited if isinstance(message, ContextMessage) else message.content


def _together(first: _Content, second: _Content) -> _Content:
    if isinstance(first, str) and isinstance(second, str):
        return "\n\n".join(text for text in (first, second) if text and not text.isspace())
    return (*_parts(first), *_parts(second))


def _parts(content: _Content) -> tuple[JsonObject, ...]:
    return ({"type": "text", "text": content},) if isinstance(content, str) else content
