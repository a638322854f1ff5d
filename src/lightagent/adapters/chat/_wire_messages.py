"""The messages of a conversation in the order and with the roles that an endpoint takes.

What one message looks like depends on its recipient alone and is decided, once, by the message (`domain/messages.py`).
Here is what depends on its neighbours. An endpoint of the usual form gets the very messages of the request.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Final, TypeAlias

from lightagent.adapters.chat._profiles import EndpointProfile
from lightagent.domain.json_types import JsonObject
from lightagent.domain.messages import AssistantMessage, ContextMessage, Message, ToolMessage, UserMessage

_Content: TypeAlias = str | tuple[JsonObject, ...]

_SILENCE: Final = AssistantMessage()
"""An assistant message that says nothing; as all that do, it is sent with a text that stands for none."""

_OPENING: Final = UserMessage("(The assistant speaks first.)")
"""What stands before an assistant message without a question, where a user must come first."""


def fitted_messages(profile: EndpointProfile, messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages as the endpoint takes them; they themselves where it asks for nothing special."""
    if not profile.system_role:
        messages = _without_system(messages)
    if not profile.names:
        messages = tuple([_without_name(message) for message in messages])
    if not profile.repeated_ids:
        messages = _with_ids_of_their_own(messages)
    if profile.alternating:
        return _in_turns(messages)
    return messages if profile.user_after_tools else _with_silences(messages)


def _without_system(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages for an endpoint that knows no instructions: these come with what the user says first."""
    if not messages or messages[0].role != "system":
        return messages
    instructions, said = messages[0].content, messages[1:2]
    if said and isinstance(said[0], UserMessage) and isinstance(said[0].content, str):
        return (UserMessage(f"{instructions}\n\n{said[0].content}"), *messages[2:])
    return (UserMessage(instructions), *messages[1:])


def _without_name(message: Message) -> Message:
    if isinstance(message, UserMessage | AssistantMessage | ToolMessage) and message.name is not None:
        return replace(message, name=None)
    return message


def _with_ids_of_their_own(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages with another id for each call whose id an earlier message used, and for its result."""
    used: Counter[str] = Counter()
    again: dict[str, str] = {}
    fitted: list[Message] = []
    for message in messages:
        if isinstance(message, AssistantMessage) and message.tool_calls:
            ids = [call.id for call in message.tool_calls]
            # The blank fits no form of ids: what is sent is made of the whole, and so of the id and its place alone.
            again = {id_: f"{id_} {used[id_]}" for id_ in ids if id_ in used}
            used.update(ids)
            if again:
                calls = [replace(call, id=again.get(call.id, call.id)) for call in message.tool_calls]
                message = replace(message, tool_calls=tuple(calls))
        elif isinstance(message, ToolMessage) and message.tool_call_id in again:
            message = replace(message, tool_call_id=again[message.tool_call_id])
        fitted.append(message)
    return tuple(fitted)


def _with_silences(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages with an assistant that says nothing wherever a user speaks directly after the results of tools.

    So ends a run whose results the model did not answer: it was stopped, or it came to a limit.
    """
    fitted: list[Message] = []
    for message in messages:
        if isinstance(message, UserMessage | ContextMessage) and fitted and isinstance(fitted[-1], ToolMessage):
            fitted.append(_SILENCE)
        fitted.append(message)
    return tuple(fitted)


def _in_turns(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The messages for an endpoint where user and assistant must take turns, and the user must begin.

    What one of them says in several messages is put together into one.
    """
    fitted: list[Message] = []
    for message in _with_silences(messages):
        last = fitted[-1] if fitted else None
        if isinstance(message, AssistantMessage) and (last is None or last.role == "system"):
            fitted += (_OPENING, message)
        elif (joined := _joined(last, message)) is not None:
            fitted[-1] = joined
        else:
            fitted.append(message)
    return tuple(fitted)


def _joined(first: Message | None, second: Message) -> Message | None:
    """Both in one message; None where another one speaks in the second, or calls of the first come between."""
    if isinstance(first, UserMessage | ContextMessage) and isinstance(second, UserMessage | ContextMessage):
        return UserMessage(_together(_content(first), _content(second)))
    if isinstance(first, AssistantMessage) and isinstance(second, AssistantMessage) and not first.tool_calls:
        said = [text for text in (first.said, second.said) if text and not text.isspace()]
        return replace(second, content="\n\n".join(said) or None, refusal=None)
    return None


def _content(message: UserMessage | ContextMessage) -> _Content:
    return message.delimited if isinstance(message, ContextMessage) else message.content


def _together(first: _Content, second: _Content) -> _Content:
    if isinstance(first, str) and isinstance(second, str):
        return "\n\n".join(text for text in (first, second) if text and not text.isspace())
    return (*_parts(first), *_parts(second))


def _parts(content: _Content) -> tuple[JsonObject, ...]:
    return ({"type": "text", "text": content},) if isinstance(content, str) else content
