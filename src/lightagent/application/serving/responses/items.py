"""Read the items of a responses request as chat messages, so that both protocols share the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from lightagent.application.serving.approvals import MOST_REASON, PersonAnswer
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.domain.json_types import JsonObject, JsonValue

_LEFT_OUT: Final = frozenset(
    {"reasoning", "mcp_call", "mcp_list_tools", "mcp_approval_request", "mcp_approval_response"}
)
"""Items of earlier responses that clients send back; they are ignored, since the run's journal is authoritative.
Decisions count only at the end of the input, where `approval_answers` finds them.
"""

REQUEST_PREFIX: Final = "mcpr_"
"""The prefix of the ids of approval requests, as items."""

_TEXTS: Final = frozenset({"input_text", "output_text", "text"})

_ANSWERS: Final = frozenset({"function_call_output", "mcp_approval_response"})


def answers_to_run(items: Sequence[JsonValue]) -> Sequence[JsonValue]:
    """Return the items at the end of the input that answer a waiting run: function outputs and decisions."""
    place = len(items)
    while place and _kind(items[place - 1]) in _ANSWERS:
        place -= 1
    return items[place:]


def approval_answers(items: Sequence[JsonValue]) -> Iterator[PersonAnswer]:
    """Yield the decisions among these items.

    Raises:
        RequestRefused: a decision is invalid. Only an explicit true approves a call.
    """
    for place, item in enumerate(items):
        if not isinstance(item, dict) or _kind(item) != "mcp_approval_response":
            continue
        at = f"input[{place}]"
        approves, reason = item.get("approve"), item.get("reason")
        if not isinstance(approves, bool):
            raise RequestRefused(400, f"{at}.approve: must be true or false.", "", param=f"{at}.approve")
        if not (reason is None or (isinstance(reason, str) and len(reason) <= MOST_REASON)):
            raise RequestRefused(
                400, f"{at}.reason: must be text of at most {MOST_REASON} characters.", "", param=f"{at}.reason"
            )
        name = _text(item, "approval_request_id", at)
        yield PersonAnswer(name.removeprefix(REQUEST_PREFIX), approves, reason or "")


def _kind(item: JsonValue) -> str:
    """Return the type of an item or part; clients may omit the type of a message."""
    kind = item.get("type", "message") if isinstance(item, dict) else ""
    return kind if isinstance(kind, str) else ""


def messages_of(items: Sequence[JsonValue]) -> list[JsonObject]:
    """Return the messages in these items.

    Raises:
        RequestRefused: an item is invalid or of an unsupported type; the error names it.
    """
    found = list[JsonObject]()
    for place, item in enumerate(items):
        at = f"input[{place}]"
        if not isinstance(item, dict):
            raise RequestRefused(400, f"{at}: must be an object with a type.", "", param=at)
        kind = _kind(item)
        if kind == "message":
            found.append({"role": item.get("role"), "content": _message_content(item, at)})
        elif kind == "function_call":
            _add_call(found, item, at)
        elif kind == "function_call_output":
            output = _content(item.get("output"), at)
            found.append({"role": "tool", "tool_call_id": _text(item, "call_id", at), "content": output})
        elif kind not in _LEFT_OUT:
            raise RequestRefused(
                400, f"{at}: items of the type {kind[:40]!r} are not supported.", "", param=f"{at}.type"
            )
    return found


def _add_call(found: list[JsonObject], item: JsonObject, at: str) -> None:
    """Add a call of a client function; consecutive calls belong to one message."""
    function: JsonObject = {"name": _text(item, "name", at), "arguments": _text(item, "arguments", at)}
    call: JsonObject = {"id": _text(item, "call_id", at), "type": "function", "function": function}
    calls = found[-1].get("tool_calls") if found else None
    if isinstance(calls, list):
        calls.append(call)
    else:
        found.append({"role": "assistant", "content": None, "tool_calls": [call]})


def _message_content(item: JsonObject, at: str) -> JsonValue:
    """Return the content of a message; reduced to text unless it is the user's."""
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
        400, f"{at}: parts of the type {kind[:40]!r} are not supported.", "Send text and images.", param=at
    )


def _text(item: JsonObject, name: str, at: str) -> str:
    value = item.get(name)
    if not isinstance(value, str):
        raise RequestRefused(400, f"{at}.{name}: must be text.", "", param=f"{at}.{name}")
    return value
