"""OpenAI-form messages from a caller, checked and made ours, and ours as a caller gets them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol, TypeAlias, runtime_checkable

from lightagent.domain.conversation.messages import AssistantMessage, Message, ToolCall, ToolMessage, UserMessage
from lightagent.domain.conversation.provider_fields import (
    CALL_FIELDS,
    MESSAGE_FIELDS,
    REASONING_FIELDS,
    UNKNOWN_MODEL,
    ModelOrigin,
    ProviderFields,
    Recipient,
)
from lightagent.domain.conversation.sequence import check_conversation
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_bytes import encode_json
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_copies import copy_json, is_sequence
from lightagent.domain.json_types import JsonObject, JsonValue


@runtime_checkable
class DumpedMessage(Protocol):
    """A message that an SDK made, such as `completion.choices[0].message` of the official client."""

    def model_dump(self) -> Mapping[str, object]:
        """The same in OpenAI form."""
        ...


HistoryMessage: TypeAlias = Mapping[str, object] | DumpedMessage
"""A message in OpenAI form: a dictionary, one of the typed ones of the official client, or an object that it gave."""

LABELS_KEY: Final = "untrusted"
"""The key of a history's last message that tells where untrusted text came from which the messages do not show."""

ORIGIN_KEY: Final = "from_model"
"""The key of an assistant message, in a history, that tells which model its provider fields belong to."""


def parse_history(history: Sequence[HistoryMessage], origin: ModelOrigin = UNKNOWN_MODEL) -> tuple[Message, ...]:
    """The messages of `history`, in order.

    Args:
        origin: the model that provider fields belong to where a message does not tell it.

    Raises:
        ConfigurationError: a message is malformed (the text names its place), has the role ``system`` or ``developer``
            (a conversation may come from outside; instructions belong to the agent), or a tool's answer stands
            without the call it answers.
    """
    if history == ():
        return ()
    if not is_sequence(history):
        raise ConfigurationError(f"history is a list of OpenAI-form messages, not {type(history).__name__}.")
    entries = enumerate(without_function_calls(map(_dumped, history)))
    messages = tuple(_message(entry, f"history[{place}]", origin) for place, entry in entries)
    check_conversation(messages, "history")
    return messages


def check_entry(entry: JsonObject, at: str) -> None:
    """Raise unless one message is as a history wants it, whatever stands around it.

    Args:
        at: names its place in errors, which begin with the place of what is wrong and a colon.

    Raises:
        ConfigurationError: it is malformed.
    """
    _message(entry, at, UNKNOWN_MODEL)


def history_labels(history: Sequence[HistoryMessage]) -> tuple[str, ...]:
    """The labels of untrusted text that a history tells besides its tool results.

    Raises:
        ConfigurationError: they are not a list of texts.
    """
    found: list[str] = []
    for place, entry in enumerate(history):
        labels = (entry.get(LABELS_KEY) or []) if isinstance(entry, Mapping) else []
        if not is_sequence(labels):
            raise ConfigurationError(f"history[{place}].{LABELS_KEY}: must be a list of labels.")
        found += [_text(label, f"history[{place}].{LABELS_KEY}") for label in labels]
    return tuple(dict.fromkeys(found))


def history_entry(message: Message) -> JsonObject:
    """A message as a history holds it: all that `parse_history` needs to make the same of it."""
    if isinstance(message, UserMessage):
        content: JsonValue = message.content if isinstance(message.content, str) else [*message.content]
        return {**message.to_openai(), "content": copy_json(content)}
    if not isinstance(message, AssistantMessage):
        return message.to_openai()
    fields = message.provider_fields
    entry = message.to_openai(None if fields is None else Recipient(fields.origin))
    entry["content"] = message.text_or_refusal
    if message.refusal is not None:
        entry |= {"content": message.content, "refusal": message.refusal}
    if fields is not None:
        origin = fields.origin
        entry[ORIGIN_KEY] = {"model": origin.model, "address": origin.address, "port": origin.port}
    return entry


def _dumped(entry: object) -> object:
    """What an SDK made as a dictionary; what is neither is left for an error that names its place."""
    if isinstance(entry, (dict, Mapping)):
        return entry
    return entry.model_dump() if isinstance(entry, DumpedMessage) else entry


def _message(entry: object, at: str, origin: ModelOrigin) -> Message:
    if not isinstance(entry, Mapping):
        raise ConfigurationError(
            f"{at}: a message is an object with role and content, not {type(entry).__name__}.",
            guidance='Write {"role": "user", "content": "Hello"}.',
        )
    role = entry.get("role")
    if role == "user":
        return UserMessage(_user_content(entry.get("content"), at), _optional(entry, "name", at))
    if role == "assistant":
        return _assistant(entry, at, origin)
    if role == "tool":
        call_id = _text(entry.get("tool_call_id"), f"{at}.tool_call_id")
        return ToolMessage(call_id, _plain(entry.get("content"), at), _optional(entry, "name", at))
    if role in ("system", "developer"):
        raise ConfigurationError(
            f"{at}: a {role} message is not taken from a history.", guidance="Pass it as instructions= of the agent."
        )
    raise ConfigurationError(f"{at}.role: {role!r} is not one of user, assistant, tool.")


def _assistant(entry: Mapping[str, object], at: str, origin: ModelOrigin) -> AssistantMessage:
    content = entry.get("content")
    calls = _calls(entry.get("tool_calls"), at)
    refusal = _optional(entry, "refusal", at)
    named = next((name for name in REASONING_FIELDS if isinstance(entry.get(name), str)), "")
    fields = _opaque(entry, MESSAGE_FIELDS, at)
    if ORIGIN_KEY in entry:
        origin = _origin(entry[ORIGIN_KEY], f"{at}.{ORIGIN_KEY}")
    marked = bool(named or fields or refusal) or any(call.provider_fields for call in calls)
    return AssistantMessage(
        None if content is None else _plain(content, at),
        calls,
        _text(entry[named], at) or None if named else None,
        refusal,
        _optional(entry, "name", at),
        ProviderFields(origin, fields, named) if marked or ORIGIN_KEY in entry else None,
    )


def _origin(value: object, at: str) -> ModelOrigin:
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"{at}: the model is an object with model, address and port.")
    port = value.get("port")
    if port is not None and type(port) is not int:
        raise ConfigurationError(f"{at}.port: must be a number, got {type(port).__name__}.")
    return ModelOrigin(_text(value.get("model"), f"{at}.model"), _text(value.get("address", ""), f"{at}.address"), port)


def _opaque(holder: Mapping[str, object], names: tuple[str, ...], at: str) -> JsonObject:
    return to_json_object({name: holder[name] for name in names if holder.get(name)}, at)


def _optional(entry: Mapping[str, object], name: str, at: str) -> str | None:
    value = entry.get(name)
    return None if value is None else _text(value, f"{at}.{name}")


def _calls(calls: object, at: str) -> tuple[ToolCall, ...]:
    if calls is None:
        return ()
    if not is_sequence(calls):
        raise ConfigurationError(f"{at}.tool_calls: must be a list of calls.")
    return tuple(_call(call, f"{at}.tool_calls[{place}]") for place, call in enumerate(calls))


def _call(given: object, at: str) -> ToolCall:
    call = _dumped(given)
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(call, Mapping) or not isinstance(function, Mapping):
        raise ConfigurationError(f"{at}: a call is an object with id and function.")
    return ToolCall(
        _text(call.get("id"), f"{at}.id"),
        _text(function.get("name"), f"{at}.function.name"),
        _arguments(function.get("arguments"), f"{at}.function.arguments"),
        _opaque(call, CALL_FIELDS, at) or None,
    )


def _arguments(value: object, at: str) -> str:
    """The arguments as text. Of a call without any some servers leave them out, and others send the object itself."""
    if value is None:
        return ""
    return encode_json(to_json_object(value, at)).decode() if isinstance(value, Mapping) else _text(value, at)


def _user_content(content: object, at: str) -> str | tuple[JsonObject, ...]:
    if is_sequence(content):
        return parse_parts(content, f"{at}.content")
    return _text(content, f"{at}.content")


def parse_parts(content: Sequence[object], at: str) -> tuple[JsonObject, ...]:
    """OpenAI content parts, checked and copied.

    Raises:
        ConfigurationError: one is not an object with a type, or not plain JSON.
    """
    for place, given in enumerate(content):
        if isinstance(given, str):
            raise ConfigurationError(
                f"{at}[{place}]: every content part is an object with a type, got str.",
                guidance="Pass the text itself in the place of the list.",
            )
    parts = tuple(to_json_object(part, f"{at}[{place}]") for place, part in enumerate(content))
    for place, part in enumerate(parts):
        if not isinstance(part.get("type"), str):
            raise ConfigurationError(
                f"{at}[{place}]: every content part is an object with a type.",
                guidance='Write {"type": "text", "text": "Hello"}; messages with a role go to history=.',
            )
    return parts


def _plain(content: object, at: str) -> str:
    """Assistant and tool content as text; text parts are joined."""
    if not is_sequence(content):
        return _text(content, f"{at}.content")
    texts = [part.get("text") if isinstance(part, Mapping) else None for part in content]
    return "".join(_text(text, f"{at}.content[{place}].text") for place, text in enumerate(texts))


def _text(value: object, at: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{at}: must be text, got {type(value).__name__}.")
    return value


def without_function_calls(history: Iterable[object]) -> Iterator[object]:
    """The entries with calls and results of tools in the place of those of functions, which had no ids.

    What is not in that form is left as it is, and so is a result without a call before it.
    """
    asked: dict[str, str] = {}
    for place, entry in enumerate(history):
        if not isinstance(entry, Mapping):
            yield entry
            continue
        role, call = _member(entry, "role"), entry.get("function_call")
        if role == "assistant" and not entry.get("tool_calls") and isinstance(call, (dict, Mapping)):
            call_id = f"function_call_{place}"
            asked[_member(call, "name")] = call_id
            yield {**entry, "tool_calls": [{"id": call_id, "type": "function", "function": call}]}
        elif role == "function" and (call_id := asked.pop(_member(entry, "name"), "")):
            yield {**entry, "role": "tool", "tool_call_id": call_id}
        else:
            yield entry


def _member(holder: object, name: str) -> str:
    text = holder.get(name) if isinstance(holder, Mapping) else None
    return text if isinstance(text, str) else ""
