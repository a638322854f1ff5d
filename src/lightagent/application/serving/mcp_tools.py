"""Served models as tools of an MCP server: their names, arguments and results."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from lightagent.application.serving.a2a.tasks import A2aTask
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.domain.json_bytes import whole_characters
from lightagent.domain.json_copies import copy_json
from lightagent.domain.json_types import JsonObject, JsonValue

MOST_CONVERSATION: Final = 200
"""The maximum length of a conversation's name, in characters."""

_MOST_NAME: Final = 120
"""The maximum length of a tool's name, in characters; the protocol allows 128."""

_NOT_OF_NAMES: Final = re.compile(r"[^A-Za-z0-9._-]")

_TAKES: Final[JsonObject] = {
    "type": "object",
    "properties": {
        "query": {"type": "string", "description": "What to ask, with all that is needed to answer it."},
        "conversation": {
            "type": "string",
            "description": "A name of your choice for this conversation: what was asked under the same name before is "
            "remembered. Leave it out for a question that stands alone.",
        },
    },
    "required": ["query"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class ToolInput:
    """The content of a tool call; `conversation` is empty for a single question."""

    query: str
    conversation: str = ""


@dataclass(frozen=True, slots=True)
class ToolAnswer:
    """The result of a tool call.

    Attributes:
        failed: the text is an error message instead of an answer.
    """

    text: str
    failed: bool = False


def tool_names(models: Iterable[str]) -> dict[str, str]:
    """Return the models by their tool names, which contain only letters, digits, dots, hyphens and underscores."""
    found = dict[str, str]()
    for model in models:
        plain = _NOT_OF_NAMES.sub("_", model)[:_MOST_NAME] or "_"
        name, count = plain, 1
        while name in found:
            count += 1
            name = f"{plain}_{count}"
        found[name] = model
    return found


def takes() -> JsonObject:
    """Return the JSON Schema of a call's arguments, as a new object each time."""
    return copy_json(_TAKES)


def read_tool_arguments(arguments: JsonObject) -> ToolInput:
    """Read a call's arguments.

    Raises:
        RequestRefused: the arguments do not match the schema.
    """
    for name in arguments:
        if name not in ("query", "conversation"):
            raise RequestRefused(400, f"{name[:40]!a}: unknown argument.", "Use query and conversation.")
    query = _text(arguments.get("query"), "query")
    told = arguments.get("conversation")
    conversation = "" if told is None else _text(told, "conversation")
    if not query.strip():
        raise RequestRefused(400, "query: must not be empty.", "Write the question.", param="query")
    if len(conversation) > MOST_CONVERSATION:
        raise RequestRefused(400, f"conversation: has more than {MOST_CONVERSATION} characters.", "Choose another.")
    return ToolInput(query, conversation)


def tool_answer(task: A2aTask) -> ToolAnswer:
    """Return the result of a call whose run has ended or waits."""
    match task.state:
        case "TASK_STATE_COMPLETED":
            return ToolAnswer(task.text)
        case "TASK_STATE_INPUT_REQUIRED":
            return ToolAnswer("\n\n".join(filter(None, (task.text, task.words))))
        case "TASK_STATE_CANCELED":
            return ToolAnswer("\n\n".join(filter(None, ("It was cancelled.", task.words))), failed=True)
        case _:
            return ToolAnswer(task.words or "It has failed.", failed=True)


def _text(value: JsonValue, name: str) -> str:
    if not isinstance(value, str):
        raise RequestRefused(400, f"{name}: must be text.", "", param=name)
    return whole_characters(value)
