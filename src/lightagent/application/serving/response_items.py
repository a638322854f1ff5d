"""The items of a responses request, as messages of a chat: both protocols are read in one way from there on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from lightagent.application.serving.person_answers import MOST_REASON, PersonAnswer
from lightagent.application.serving.refusals import RequestRefused
from lightagent.domain.json_types import JsonObject, JsonValue

_LEFT_OUT: Final = frozenset(
    {"reasoning", "mcp_call", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response"}
)
"""What an answer had in it, and clients send back: the run's own record holds, whatever they say of it.
Decisions count only at the end, where `approval_answers` finds them.
"""

REQUEST_PREFIX: Final = "mcpr_"
"""The beginning of the ids of requests for approval, as items."""

_TEXTS: Final = frozenset({"input_text", "output_text", "text"})

_ANSWERS: Final = frozenset({"function_call_output", "mcp_approval_response"})


def answers_to_run(items: Sequence[JsonValue]) -> Sequence[JsonValue]:
    """The items at the end that answer what a run waits for: outputs of functions, and decisions."""
    place = len(items)
    while place and _kind(items[place - 1]) in _ANSWERS:
        place -= 1
    return items[place:]


def approval_answers(items: Sequence[JsonValue]) -> Iterator[PersonAnswer]:
    """The decisions among these items.

    Raises:
        RequestRefused: one is wrong. Whatever is not plainly a yes is none.
    """
    for place, item in enumerate(items):
        if not isinstance(item, dict) or _kind(item) != "mcp_approval_response":
            continue
        at = f"input[{place}]"
        approves, reason = item.get("approve"), item.get("reason")
        if not isinstance(approves, bool):
            raise RequestRefused(400, f"{at}.approve: true or false is wanted.", "", param=f"{at}.approve")
        if not (reason is None or (isinstance(reason, str) and len(reason) <= MOST_REASON)):
            raise RequestRefused(
                400, f"{at}.reason: at most {MOST_REASON} characters are wanted.", "", param=f"{at}.reason"
            )
        name = _text(item, "approval_request_id", at)
        yield PersonAnswer(name.removeprefix(REQUEST_PREFIX), approves, reason or "")


def _kind(item: JsonValue) -> str:
    """What an item or a part is; a message need not say so, as clients leave it out."""
    kind = item.get("type", "message") if isinstance(item, dict) else ""
    return kind if isinstance(kind, str) else ""


def messages_of(items: Sequence[JsonValue]) -> list[JsonObject]:
    """The messages that these items are.

    Raises:
        RequestRefused: an item is wrong, or of a kind that is not taken; it is named.
    """
    found = list[JsonObject]()
    for place, item in enumerate(items):
        at = f"input[{place}]"
        if not isinstance(item, dict):
            raise RequestRefused(400, f"{at}: an item is an object with a type.", "", param=at)
        kind = _kind(item)
        if kind == "message":
            found.append({"role": item.get("role"), "content": _said(item, at)})
        elif kind == "function_call":
            _add_call(found, item, at)
        elif kind == "function_call_output":
            output = _content(item.get("output"), at)
            found.append({"role": "tool", "tool_call_id": _text(item, "call_id", at), "content": output})
        elif kind not in _LEFT_OUT:
            raise RequestRefused(400, f"{at}: an item of the type {kind[:40]!r} is not taken.", "", param=f"{at}.type")
    return found


def _add_call(found: list[JsonObject], item: JsonObject, at: str) -> None:
    """A call of the client's function; those that follow each other were made in one message."""
    function: JsonObject = {"name": _text(item, "name", at), "arguments": _text(item, "arguments", at)}
    call: JsonObject = {"id": _text(item, "call_id", at), "type": "function", "function": function}
    calls = found[-1].get("tool_calls") if found else None
    if isinstance(calls, list):
        calls.append(call)
    else:
        found.append({"role": "assistant", "content": None, "tool_calls": [call]})


def _said(item: JsonObject, at: str) -> JsonValue:
    """The content of a message; of an assistant it is text alone."""
    content = _content(item.get("content"), at)
    if item.get("role") == "user" or not isinstance(content, list):
        return content
    return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))


def _content(content: JsonValue, at: str) -> JsonValue:
    if not isinstance(content, list):
        return content
    return [_part(part, f"{at}.content[{place}]") for place, part in enumerate(content)]


def _part(part: JsonValue, at: str) -> JsonObject:
    kind = _kind(part)
    if isinstance(part, dict) and kind in _TEXTS:
        return {"type": "text", "text": _text(part, "text", at)}
    if isinstance(part, dict) and kind == "refusal":
        return {"type": "text", "text": _text(part, "refusal", at)}
    if isinstance(part, dict) and kind == "input_image":
        image: JsonObject = {"url": _text(part, "image_url", at)}
        if isinstance(part.get("detail"), str):
            image["detail"] = part["detail"]
        return {"type": "image_url", "image_url": image}
    raise RequestRefused(
        400, f"{at}: a part of the type {kind[:40]!r} is not taken.", "Send text and images.", param=at
    )


def _text(item: JsonObject, name: str, at: str) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        raise RequestRefused(400, f"{at}.{name}: text is wanted.", "", param=f"{at}.{name}")
    return value
