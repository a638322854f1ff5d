"""Read UI messages of Vercel's AI SDK as chat completions messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from lightagent.application.serving.content_parts import check_parts
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.domain.json_bytes import encode_json
from lightagent.domain.json_types import JsonObject, JsonValue

_TOOL: Final = "tool-"
"""The prefix of the type of a tool part; the tool's name follows."""

_DENIED: Final = "The user did not allow it."


def chat_messages(messages: Sequence[JsonObject], *, image_urls: bool) -> Iterator[JsonObject]:
    """Yield the messages as chat messages, without reasoning and data parts.

    Raises:
        RequestRefused: a message or part is invalid or of an unsupported type; the error names it.
    """
    for place, message in enumerate(messages):
        at = f"messages[{place}]"
        parts, role = _parts(message, at), message.get("role")
        if role == "user":
            if content := _user_content(parts, at, image_urls=image_urls):
                yield {"role": "user", "content": content}
        elif role == "assistant":
            for step in _steps(parts):
                yield from _assistant(step, at)
        elif role == "system":
            yield {"role": "system", "content": _texts(parts, at)}
        else:
            raise RequestRefused(400, f"{at}.role: must be system, user or assistant.", "", param=f"{at}.role")


def open_calls(messages: Sequence[JsonObject]) -> Iterator[str]:
    """Yield the ids of calls of client tools that have no result."""
    for place, message in enumerate(messages):
        for part in _parts(message, f"messages[{place}]"):
            call_id = part.get("toolCallId")
            is_open = not _has_ended(part) and part.get("providerExecuted") is not True
            if is_open and isinstance(call_id, str) and tool_name(part):
                yield call_id


def last_tool_parts(message: JsonObject, at: str) -> list[JsonObject]:
    """Return the tool parts in the last step of a message, which are the calls that clients answer."""
    steps = _steps(_parts(message, at))
    return [part for part in steps[-1] if tool_name(part)]


def tool_name(part: JsonObject) -> str:
    """Return the name of the tool that a part is about; empty for other parts."""
    kind = part.get("type")
    if kind == "dynamic-tool":
        name = part.get("toolName")
        return name if isinstance(name, str) else ""
    return kind.removeprefix(_TOOL) if isinstance(kind, str) and kind.startswith(_TOOL) else ""


def tool_result(part: JsonObject, at: str) -> tuple[str, str]:
    """Return the id of a call and its result as text."""
    call_id, told = part.get("toolCallId"), part.get("output")
    if not isinstance(call_id, str):
        raise RequestRefused(400, f"{at}: the toolCallId must be the text of a call id.", "", param=at)
    if part.get("state") == "output-denied":
        told = _DENIED
    elif part.get("state") == "output-error":
        told = part.get("errorText")
    return call_id, told if isinstance(told, str) else encode_json(told).decode()


def _parts(message: JsonObject, at: str) -> list[JsonObject]:
    parts = message.get("parts")
    found = [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []
    if not isinstance(parts, list) or len(found) != len(parts):
        raise RequestRefused(400, f"{at}.parts: must be a list of parts.", "", param=f"{at}.parts")
    return found


def _steps(parts: Sequence[JsonObject]) -> list[list[JsonObject]]:
    """Return the parts of each model turn."""
    steps: list[list[JsonObject]] = [[]]
    for part in parts:
        if part.get("type") == "step-start":
            steps.append([])
        else:
            steps[-1].append(part)
    return steps


def _user_content(parts: Sequence[JsonObject], at: str, *, image_urls: bool) -> JsonValue:
    """Return the content of a user message: a string if it has only text. Data parts are for the interface alone."""
    made: list[JsonValue] = []
    for place, part in enumerate(parts):
        if not str(part.get("type")).startswith("data-"):
            made.append(_part(part, f"{at}.parts[{place}]", image_urls=image_urls))
    if all(part.get("type") == "text" for part in parts):
        return _texts(parts, at)
    return made


def _part(part: JsonObject, at: str, *, image_urls: bool) -> JsonObject:
    kind = part.get("type")
    if kind == "text":
        return {"type": "text", "text": _text(part, "text", at)}
    if kind != "file":
        raise RequestRefused(
            400, f"{at}: parts of the type {str(kind)[:40]!r} are not supported.", "Send text and images.", param=at
        )
    media_type = _text(part, "mediaType", at)
    if media_type.partition("/")[0] != "image":
        raise RequestRefused(
            400, f"{at}: files of the type {media_type[:40]!r} are not supported.", "Send text and images.", param=at
        )
    image: JsonObject = {"type": "image_url", "image_url": {"url": _text(part, "url", at)}}
    try:
        check_parts([image], at, image_urls=image_urls)
    except RequestRefused as refused:
        raise RequestRefused(400, f"{at}: this image is not supported.", refused.guidance, param=at) from None
    return image


def _assistant(parts: Sequence[JsonObject], at: str) -> Iterator[JsonObject]:
    """Yield what the agent said in a turn with those of its calls that have a result."""
    results = [(part, tool_result(part, at)) for part in parts if tool_name(part) and _has_ended(part)]
    calls: list[JsonValue] = [
        {
            "id": call_id,
            "type": "function",
            "function": {"name": tool_name(part), "arguments": encode_json(part.get("input") or {}).decode()},
        }
        for part, (call_id, _) in results
    ]
    text = _texts([part for part in parts if part.get("type") == "text"], at)
    if calls or text:
        said: JsonObject = {"role": "assistant", "content": text}
        yield {**said, "tool_calls": calls} if calls else said
    for _, (call_id, told) in results:
        yield {"role": "tool", "tool_call_id": call_id, "content": told}


def _has_ended(part: JsonObject) -> bool:
    return part.get("state") in ("output-available", "output-error", "output-denied")


def _texts(parts: Sequence[JsonObject], at: str) -> str:
    return "".join(_text(part, "text", at) for part in parts)


def _text(part: JsonObject, name: str, at: str) -> str:
    value = part.get(name)
    if not isinstance(value, str):
        raise RequestRefused(400, f"{at}.{name}: must be text.", "", param=f"{at}.{name}")
    return value
