"""Whole answers in the common form, which most are, read in one go.

What is not certain to be one of them is left to the readers that know every form.
"""

from __future__ import annotations

from typing import Final

from lightagent.adapters.chat.openai.plain_chunks import ANSWER_FIELDS, CHOICE_FIELDS
from lightagent.domain.deltas import Delta, ReplyEnd, TextDelta, ToolCallDelta
from lightagent.domain.usage import Usage, normalize_usage

_CHOICE: Final = CHOICE_FIELDS | {"message"}
_SILENT: Final = frozenset({"content", "role", "tool_calls"})
"""Fields of a message that are read here; any other may be there if it is null."""
_CALL: Final = frozenset({"function", "id", "index", "type"})
_FUNCTION: Final = frozenset({"arguments", "name"})


def plain_answer(answer: dict[object, object]) -> list[Delta] | None:
    """The deltas of such an answer; None if the object may say anything else, or is not a whole answer."""
    choices = answer.get("choices")
    if type(choices) is not list or len(choices) != 1 or not ANSWER_FIELDS.issuperset(answer):
        return None
    choice, model, response_id = choices[0], answer.get("model"), answer.get("id")
    if type(choice) is not dict or choice.get("index") != 0 or not _CHOICE.issuperset(choice):
        return None
    message, ending = choice.get("message"), choice.get("finish_reason")
    if type(message) is not dict or choice.get("delta") is not None or answer.get("object") == "error":
        return None
    if type(model) is not str or type(response_id) is not str or not _says_no_more(message):
        return None
    deltas = _said(message, ending)
    if deltas is not None:
        deltas.append(ReplyEnd(ending, _usage(answer.get("usage")), model, response_id))
    return deltas


def _says_no_more(message: dict[object, object]) -> bool:
    return all(
        value is None or name in _SILENT or (name == "annotations" and value == []) for name, value in message.items()
    )


def _said(message: dict[object, object], ending: object) -> list[Delta] | None:
    """The text of an answer that has stopped, or the calls of one that stopped for them."""
    text, calls = message.get("content"), message.get("tool_calls")
    if ending == "stop":
        if type(text) is not str or calls or not text or text.isspace() or text.lstrip().startswith("<think"):
            return None
        return [TextDelta(text)]
    if ending != "tool_calls" or type(calls) is not list or not (text is None or type(text) is str):
        return None
    said: list[Delta] = [TextDelta(text)] if text else []
    ids = set[str]()
    for at, call in enumerate(calls):
        told = _call(call)
        if told is None or told[0] in ids:
            return None
        ids.add(told[0])
        said.append(ToolCallDelta(at, *told))
    return said if ids else None


def _call(call: object) -> tuple[str, str, str] | None:
    """Id, name and arguments of a call that says no more."""
    if type(call) is not dict or call.get("type") != "function" or not _CALL.issuperset(call):
        return None
    function, call_id = call.get("function"), call.get("id")
    if type(call_id) is not str or not call_id or type(function) is not dict or function.keys() != _FUNCTION:
        return None
    name, arguments = function["name"], function["arguments"]
    if type(name) is not str or type(arguments) is not str:
        return None
    return call_id, name, arguments


def _usage(report: object) -> Usage | None:
    usage = normalize_usage(report) if type(report) is dict else None
    return usage if usage != Usage() else None
