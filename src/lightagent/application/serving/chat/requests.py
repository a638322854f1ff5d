"""Read chat completions requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from lightagent.application.serving.chat.fields import HARMLESS, PARAMETERS, RULES
from lightagent.application.serving.content_parts import check_parts
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.open_calls import with_results
from lightagent.domain.conversation.history import check_entry
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.telemetry.tags import MOST_TAGS

SystemMessages: TypeAlias = Literal["added", "ignored", "refused"]
"""The treatment of clients' system messages: added after the agent's instructions, ignored, or refused with a 400."""

CLIENT_LABEL: Final = "client:message"
"""The label of assistant messages that a client sent; their content is untrusted."""

MOST_MESSAGES: Final = 2000
"""The maximum number of messages in a request."""

_MOST_TAG: Final = 200


@dataclass(frozen=True, slots=True)
class ChatInput:
    """The content of a chat request.

    Attributes:
        query: the user's query; None if the request brings results of the client's tools instead.
        history: the earlier messages of users, assistants and tools; each call in them has a result.
        instructions: the texts of the client's system messages.
        params: parameters for the model.
        tools: the declarations of the client's own functions.
        function_at: the path of the function within each of the client's tools, for errors.
        results: the results of those functions, by the ids of their calls.
        abandoned: the ids of calls that the conversation continued without.
        user: the user that the body names.
        dropped: the fields that are ignored.
        session: the stored session that the run continues; empty for none.
    """

    model: str
    query: str | list[JsonObject] | None
    history: list[JsonObject]
    instructions: str = ""
    params: JsonObject = field(default_factory=dict)
    stream: bool = False
    include_usage: bool = False
    tools: tuple[JsonObject, ...] = ()
    results: tuple[tuple[str, str], ...] = ()
    tags: tuple[str, ...] = ()
    user: str = ""
    dropped: tuple[str, ...] = ()
    abandoned: tuple[str, ...] = ()
    function_at: str = ".function"
    session: str = ""


def read_chat_request(
    body: JsonObject, system_messages: SystemMessages = "added", *, image_urls: bool = False
) -> ChatInput:
    """Parse the body of a request.

    Args:
        image_urls: allow messages that name images by URL.

    Raises:
        RequestRefused: a field is invalid or unsupported; the error names it.
    """
    _refuse(body)
    model = _text(body, "model")
    told, places, messages = _split_system(_messages(body, image_urls=image_urls), system_messages)
    results, abandoned = tuple(_results(messages, places)), tuple[str, ...]()
    query: str | list[JsonObject] | None = None
    if not results:
        query, messages = _query(messages)
        messages, abandoned = with_results(messages, places[:-1])
    return ChatInput(
        model,
        query,
        _labelled(messages),
        "\n\n".join(told),
        {name: body[name] for name in PARAMETERS if body.get(name) is not None},
        _flag(body, "stream"),
        _include_usage(body),
        tuple(_tools(body)),
        results,
        tuple(_tags(body)),
        _optional_text(body, "user"),
        tuple(name for name in body if name not in RULES or RULES[name].treatment == "dropped"),
        abandoned,
    )


def _refuse(body: JsonObject) -> None:
    for name, value in body.items():
        rule = RULES.get(name)
        if rule is not None and rule.treatment == "refused" and value is not None:
            if any(value == harmless and type(value) is type(harmless) for harmless in HARMLESS.get(name, ())):
                continue
            raise RequestRefused(400, f"{name}: not supported here.", rule.what, param=name)


def _messages(body: JsonObject, *, image_urls: bool) -> list[JsonObject]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RequestRefused(400, "messages: must be a list with at least one message.", "", param="messages")
    if len(messages) > MOST_MESSAGES:
        raise RequestRefused(
            413, f"messages: {len(messages)} are too many.", f"The most is {MOST_MESSAGES}.", param="messages"
        )
    return [_message(message, f"messages[{place}]", image_urls=image_urls) for place, message in enumerate(messages)]


def _message(message: JsonValue, at: str, *, image_urls: bool) -> JsonObject:
    """Return the message without the labels that only the server may set."""
    if not isinstance(message, dict):
        raise RequestRefused(400, f"{at}: must be an object with role and content.", "", param=at)
    if message.get("role") not in ("system", "developer", "user", "assistant", "tool", "function"):
        raise RequestRefused(
            400, f"{at}.role: must be system, developer, user, assistant or tool.", "", param=f"{at}.role"
        )
    message = {name: value for name, value in message.items() if name not in _OURS}
    content = message.get("content")
    if message["role"] == "user" and isinstance(content, list):
        check_parts(content, at, image_urls=image_urls)
    if message["role"] in ("user", "assistant", "tool"):
        _check(message, at)
    return message


def _check(message: JsonObject, at: str) -> None:
    try:
        check_entry(message, at)
    except ConfigurationError as exc:
        raise RequestRefused(400, exc.message, exc.guidance, param=exc.message.partition(":")[0]) from None


def _split_system(
    messages: list[JsonObject], treatment: SystemMessages
) -> tuple[list[str], list[int], list[JsonObject]]:
    """Return the texts of the system messages, and the indexes and contents of the other messages."""
    told, places, others = list[str](), list[int](), list[JsonObject]()
    for place, message in enumerate(messages):
        if message["role"] not in ("system", "developer"):
            places.append(place)
            others.append(message)
            continue
        at = f"messages[{place}]"
        if treatment == "refused":
            raise RequestRefused(400, f"{at}: this server does not accept system messages.", "Leave it out.", param=at)
        if treatment == "added" and (text := _plain(message.get("content"), at)):
            told.append(text)
    return told, places, others


_OURS: Final = ("untrusted", "from_model")


def _results(messages: list[JsonObject], places: list[int]) -> Iterator[tuple[str, str]]:
    """Yield the results of the client's tools at the end of the conversation, if it ends with any."""
    place = len(messages)
    while place and messages[place - 1]["role"] == "tool":
        place -= 1
    for at, message in zip(places[place:], messages[place:], strict=True):
        yield str(message["tool_call_id"]), _plain(message.get("content"), f"messages[{at}]")


def _query(messages: list[JsonObject]) -> tuple[str | list[JsonObject], list[JsonObject]]:
    if not messages or messages[-1]["role"] != "user":
        raise RequestRefused(
            400,
            "messages: the last message must be of the user, or the result of a tool.",
            "Send the user's question last.",
            param="messages",
        )
    content = messages[-1].get("content")
    if isinstance(content, str):
        return content, messages[:-1]
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    if not isinstance(content, list) or len(parts) != len(content) or not parts:
        raise RequestRefused(400, "messages: the content of the last message must be text.", "", param="messages")
    if all(part.get("type") == "text" for part in parts):  # Interfaces with image support do this.
        return "\n\n".join(str(part["text"]) for part in parts), messages[:-1]
    return parts, messages[:-1]


def _labelled(history: list[JsonObject]) -> list[JsonObject]:
    """Return the history, marked as written by the client if it contains assistant messages."""
    if not any(message["role"] == "assistant" for message in history):
        return history
    return [*history[:-1], {**history[-1], "untrusted": [CLIENT_LABEL]}]


def _tools(body: JsonObject) -> Iterator[JsonObject]:
    choice = body.get("tool_choice")
    if choice not in (None, "auto", "none"):
        raise RequestRefused(
            400, "tool_choice: must be auto or none.", "The agent decides what is called.", param="tool_choice"
        )
    tools = body.get("tools")
    if tools is None or choice == "none":
        return
    if not isinstance(tools, list):
        raise RequestRefused(400, "tools: must be a list.", "", param="tools")
    for place, declared in enumerate(tools):
        function = declared.get("function") if isinstance(declared, dict) else None
        if not isinstance(declared, dict) or declared.get("type") != "function" or not isinstance(function, dict):
            raise RequestRefused(400, f"tools[{place}]: must be a function.", "", param=f"tools[{place}].type")
        yield function


def _tags(body: JsonObject) -> Iterator[str]:
    metadata = body.get("metadata")
    if metadata is None:
        return
    if not isinstance(metadata, dict) or len(metadata) > MOST_TAGS:
        raise RequestRefused(400, f"metadata: must be an object with at most {MOST_TAGS} texts.", "", param="metadata")
    for name, value in metadata.items():
        tag = f"{name}:{value}"
        if not isinstance(value, str) or len(tag) > _MOST_TAG:
            raise RequestRefused(
                400, f"metadata.{name[:40]}: must be text of at most {_MOST_TAG} characters.", "", param="metadata"
            )
        yield tag


def _include_usage(body: JsonObject) -> bool:
    options = body.get("stream_options")
    if options is None:
        return False
    if not isinstance(options, dict):
        raise RequestRefused(400, "stream_options: must be an object.", "", param="stream_options")
    return _flag(options, "include_usage", "stream_options.")


def _flag(body: JsonObject, name: str, within: str = "") -> bool:
    value = body.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise RequestRefused(400, f"{within}{name}: must be true or false.", "", param=f"{within}{name}")


def _text(body: JsonObject, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise RequestRefused(400, f"{name}: must be text.", "", param=name)
    return value


def _optional_text(body: JsonObject, name: str) -> str:
    return "" if body.get(name) in (None, "") else _text(body, name)


def _plain(content: JsonValue, at: str) -> str:
    """Return the text of a message whose content is text or text parts."""
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    texts = [part.get("text") if isinstance(part, dict) else None for part in _parts(content)]
    if not isinstance(content, list) or not all(isinstance(text, str) for text in texts):
        raise RequestRefused(400, f"{at}.content: must be text.", "", param=f"{at}.content")
    return "".join(text for text in texts if isinstance(text, str))


def _parts(content: JsonValue) -> Sequence[JsonValue]:
    return content if isinstance(content, list) else ()
