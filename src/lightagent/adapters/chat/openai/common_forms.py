"""A fast path for the two most common forms: a chunk that holds only text, and a whole answer of text or calls.

Both functions return None unless they are certain; `choices`, which knows every form, then reads the object.
"""

from __future__ import annotations

from typing import Final

from lightagent.domain.conversation.deltas import Delta, ReplyEnd, TextDelta, ToolCallDelta
from lightagent.domain.usage import Usage, normalize_usage

ANSWER_FIELDS: Final = frozenset(
    {
        "choices",
        "created",
        "id",
        "model",
        "obfuscation",
        "object",
        "provider",
        "service_tier",
        "system_fingerprint",
        "usage",
    }
)
"""Fields of an answer that do not change how it ends: with any other, the slow path reads it."""
CHOICE_FIELDS: Final = frozenset({"delta", "finish_reason", "index", "logprobs"})
_ANSWER_CHOICE_FIELDS: Final = CHOICE_FIELDS | {"message"}
_DELTA_FIELDS: Final = frozenset({"content", "role"})
"""Fields of a delta that this path understands; any other may be there if it is null."""
_MESSAGE_FIELDS: Final = frozenset({"content", "role", "tool_calls"})
"""Fields of a message that this path understands; any other may be there if it is null."""
_CALL_FIELDS: Final = frozenset({"function", "id", "index", "type"})
_FUNCTION_FIELDS: Final = frozenset({"arguments", "name"})


def read_text_chunk(answer: dict[object, object]) -> str | None:
    """Return the text of a chunk that holds nothing else, or None."""
    choices = answer.get("choices")
    if type(choices) is not list or len(choices) != 1 or not ANSWER_FIELDS.issuperset(answer):
        return None
    choice = choices[0]
    if answer.get("usage") is not None or type(choice) is not dict or not CHOICE_FIELDS.issuperset(choice):
        return None
    delta = choice.get("delta")
    if choice.get("finish_reason") is not None or choice.get("index") != 0 or type(delta) is not dict:
        return None
    text = delta.get("content")
    if type(text) is not str or not text:
        return None
    return text if len(delta) == 1 or _has_only(_DELTA_FIELDS, delta) else None


def read_common_answer(answer: dict[object, object]) -> list[Delta] | None:
    """Return the deltas of a whole answer in the common form, or None."""
    choices = answer.get("choices")
    if type(choices) is not list or len(choices) != 1 or not ANSWER_FIELDS.issuperset(answer):
        return None
    choice, model, response_id = choices[0], answer.get("model"), answer.get("id")
    if type(choice) is not dict or choice.get("index") != 0 or not _ANSWER_CHOICE_FIELDS.issuperset(choice):
        return None
    message, ending = choice.get("message"), choice.get("finish_reason")
    if type(message) is not dict or choice.get("delta") is not None or answer.get("object") == "error":
        return None
    if type(model) is not str or type(response_id) is not str or not _has_only(_MESSAGE_FIELDS, message):
        return None
    deltas = _text_or_calls(message, ending)
    if deltas is not None:
        deltas.append(ReplyEnd(ending, _usage(answer.get("usage")), model, response_id))
    return deltas


def _has_only(names: frozenset[str], part: dict[object, object]) -> bool:
    """Whether every field is one of `names`, null, or an empty list of annotations."""
    return all(
        value is None or name in names or (name == "annotations" and value == []) for name, value in part.items()
    )


def _text_or_calls(message: dict[object, object], ending: object) -> list[Delta] | None:
    """Return the text of an answer that ends with `stop`, or the calls of one that ends with `tool_calls`."""
    text, calls = message.get("content"), message.get("tool_calls")
    if ending == "stop":
        if type(text) is not str or calls or not text or text.isspace() or text.lstrip().startswith("<think"):
            return None
        return [TextDelta(text)]
    if ending != "tool_calls" or type(calls) is not list or not (text is None or type(text) is str):
        return None
    deltas: list[Delta] = [TextDelta(text)] if text else []
    ids = set[str]()
    for at, call in enumerate(calls):
        parts = _call(call)
        if parts is None or parts[0] in ids:
            return None
        ids.add(parts[0])
        deltas.append(ToolCallDelta(at, *parts))
    return deltas if ids else None


def _call(call: object) -> tuple[str, str, str] | None:
    """Return id, name and arguments of a call without other fields, or None."""
    if type(call) is not dict or call.get("type") != "function" or not _CALL_FIELDS.issuperset(call):
        return None
    function, call_id = call.get("function"), call.get("id")
    if type(call_id) is not str or not call_id or type(function) is not dict or function.keys() != _FUNCTION_FIELDS:
        return None
    name, arguments = function["name"], function["arguments"]
    if type(name) is not str or type(arguments) is not str:
        return None
    return call_id, name, arguments


def _usage(report: object) -> Usage | None:
    usage = normalize_usage(report) if type(report) is dict else None
    return usage if usage != Usage() else None
