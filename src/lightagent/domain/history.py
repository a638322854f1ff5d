"""OpenAI-form messages from a caller, checked and made ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lightagent.domain.conversation import check_conversation
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.messages import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage


def parse_history(history: Sequence[Mapping[str, JsonValue]]) -> tuple[Message, ...]:
    """The messages of `history`, in order.

    Raises:
        ConfigurationError: a message is malformed (the text names its place), has the role ``system`` or ``developer``
            (a conversation may come from outside; instructions belong to the agent), or a tool's answer stands
            without the call it answers.
    """
    if history == ():
        return ()
    if isinstance(history, (str, bytes, Mapping)) or not isinstance(history, Sequence):
        raise ConfigurationError(f"history is a list of OpenAI-form messages, not {type(history).__name__}.")
    messages = tuple(_message(entry, f"history[{place}]") for place, entry in enumerate(history))
    check_conversation(messages, "history")
    return messages


def _message(entry: Mapping[str, JsonValue], at: str) -> Message:
    if not isinstance(entry, Mapping):
        raise ConfigurationError(f"{at}: a message is an object with role and content, not {type(entry).__name__}.")
    role = entry.get("role")
    if role == "user":
        return UserMessage(_user_content(entry.get("content"), at))
    if role == "assistant":
        return _assistant(entry, at)
    if role == "tool":
        return ToolMessage(_text(entry.get("tool_call_id"), f"{at}.tool_call_id"), _plain(entry.get("content"), at))
    if role in ("system", "developer"):
        raise ConfigurationError(
            f"{at}: a {role} message is not taken from a history.", guidance="Pass it as instructions= of the agent."
        )
    raise ConfigurationError(f"{at}.role: {role!r} is not one of user, assistant, tool.")


def _assistant(entry: Mapping[str, JsonValue], at: str) -> AssistantMessage:
    content = entry.get("content")
    reasoning = entry.get("reasoning_content")
    return AssistantMessage(
        None if content is None else _plain(content, at),
        _calls(entry.get("tool_calls"), at),
        reasoning if isinstance(reasoning, str) else None,
    )


def _calls(calls: JsonValue, at: str) -> tuple[ToolCall, ...]:
    if calls is None:
        return ()
    if not isinstance(calls, (list, tuple)):
        raise ConfigurationError(f"{at}.tool_calls: a list of calls is wanted.")
    return tuple(_call(call, f"{at}.tool_calls[{place}]") for place, call in enumerate(calls))


def _call(call: JsonValue, at: str) -> ToolCall:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(call, Mapping) or not isinstance(function, Mapping):
        raise ConfigurationError(f"{at}: a call is an object with id and function.")
    return ToolCall(
        _text(call.get("id"), f"{at}.id"),
        _text(function.get("name"), f"{at}.function.name"),
        _text(function.get("arguments"), f"{at}.function.arguments"),
    )


def _user_content(content: JsonValue, at: str) -> str | tuple[JsonObject, ...]:
    if isinstance(content, (list, tuple)):
        return parse_parts(content, f"{at}.content")
    return _text(content, f"{at}.content")


def parse_parts(content: Sequence[JsonValue], at: str) -> tuple[JsonObject, ...]:
    """OpenAI content parts, checked and copied.

    Raises:
        ConfigurationError: one is not an object with a type, or not plain JSON.
    """
    parts = tuple(to_json_object(part, f"{at}[{place}]") for place, part in enumerate(content))
    for place, part in enumerate(parts):
        if not isinstance(part.get("type"), str):
            raise ConfigurationError(f"{at}[{place}]: every content part is an object with a type.")
    return parts


def _plain(content: JsonValue, at: str) -> str:
    """Assistant and tool content as text; text parts are joined."""
    if not isinstance(content, (list, tuple)):
        return _text(content, f"{at}.content")
    texts = [part.get("text") if isinstance(part, Mapping) else None for part in content]
    return "".join(_text(text, f"{at}.content[{place}].text") for place, text in enumerate(texts))


def _text(value: JsonValue, at: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{at}: text is wanted, not {type(value).__name__}.")
    return value
