"""Read requests of Vercel's AI SDK as chat requests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from lightagent.application.serving.approvals import MOST_REASON, PersonAnswer
from lightagent.application.serving.chat.requests import ChatInput, SystemMessages, read_chat_request
from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.application.serving.vercel.messages import (
    chat_messages,
    last_tool_parts,
    open_calls,
    tool_name,
    tool_result,
)
from lightagent.domain.json_types import JsonObject, JsonValue

_TAKEN: Final = frozenset({"messages", "tools", "system"})

_SILENT: Final = frozenset({"id", "trigger", "messageId"})
"""Fields that every client sends: the id of the chat and what its user did. No run is looked up with them."""


@dataclass(frozen=True, slots=True)
class VercelInput:
    """The content of a request.

    Attributes:
        chat: the conversation, the client's tools and their results; for a resumed run, only the tools and results.
        answers: people's answers to what waits in the run to resume.
        continues: the answer continues the client's last message.
    """

    chat: ChatInput
    answers: tuple[PersonAnswer, ...] = ()
    continues: bool = False


def read_vercel_request(
    body: JsonObject, model: str, system_messages: SystemMessages = "added", *, image_urls: bool = False
) -> VercelInput:
    """Parse the body of a request.

    Args:
        model: the model that the URL names.
        image_urls: allow messages that name images by URL.

    Raises:
        RequestRefused: a field is invalid or unsupported; the error names it.
    """
    messages = _messages(body)
    tools = tuple(_tools(body))
    dropped = tuple(name for name in body if name not in _TAKEN | _SILENT)
    if messages[-1].get("role") == "assistant":
        return _resumed_chat(messages, model, tools, dropped)
    told: list[JsonValue] = []
    if body.get("system") is not None:
        told = [{"role": "system", "content": _text(body, "system")}]
    told += chat_messages(messages, image_urls=image_urls)
    functions: list[JsonValue] = [{"type": "function", "function": tool} for tool in tools]
    chat = read_chat_request(
        {"model": model, "messages": told, "tools": functions, "stream": True}, system_messages, image_urls=image_urls
    )
    return VercelInput(replace(chat, dropped=dropped, abandoned=tuple(open_calls(messages)), function_at=""))


def _messages(body: JsonObject) -> list[JsonObject]:
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise RequestRefused(400, "messages: must be a list with at least one message.", "", param="messages")
    found = [message for message in messages if isinstance(message, dict)]
    if len(found) != len(messages):
        raise RequestRefused(400, "messages: each message must be an object with role and parts.", "", param="messages")
    return found


def _resumed_chat(
    messages: Sequence[JsonObject], model: str, tools: tuple[JsonObject, ...], dropped: tuple[str, ...]
) -> VercelInput:
    """Return the answers to a waiting run; the rest of the conversation is in the run's journal."""
    at = f"messages[{len(messages) - 1}]"
    parts = last_tool_parts(messages[-1], at)
    answers = tuple(_answers(parts, at))
    names = {str(tool["name"]) for tool in tools}
    results = tuple(tool_result(part, at) for part in parts if tool_name(part) in names and _has_result(part))
    if not answers and not results:
        raise RequestRefused(
            400,
            f"{at}: the last message is of the agent, and has neither a decision nor a result of the client's tools.",
            "Send the user's question last, or the tools that have given results.",
            param="messages",
        )
    chat = ChatInput(model, None, [], stream=True, tools=tools, results=results, dropped=dropped, function_at="")
    return VercelInput(chat, answers, continues=True)


def _has_result(part: JsonObject) -> bool:
    return part.get("state") in ("output-available", "output-error") and part.get("providerExecuted") is not True


def _answers(parts: Sequence[JsonObject], at: str) -> Iterator[PersonAnswer]:
    """Yield a person's answers. Only an explicit true approves a call."""
    for part in parts:
        if part.get("state") != "approval-responded":
            continue
        answer = part.get("approval")
        told = answer if isinstance(answer, dict) else {}
        name, approved, reason = told.get("id"), told.get("approved"), told.get("reason") or ""
        is_fit = isinstance(reason, str) and len(reason) <= MOST_REASON
        if not isinstance(name, str) or not isinstance(approved, bool) or not isinstance(reason, str) or not is_fit:
            raise RequestRefused(
                400,
                f"{at}.approval: id, approved and a reason of must be text of at most {MOST_REASON} characters.",
                'Send {"id", "approved": true} or {"id", "approved": false}.',
                param=f"{at}.approval",
            )
        yield PersonAnswer(name, approved, reason)


def _tools(body: JsonObject) -> Iterator[JsonObject]:
    """Yield the client's own tools, each with its name."""
    tools = body.get("tools")
    if tools is None:
        return
    if not isinstance(tools, dict):
        raise RequestRefused(400, "tools: must be an object with a tool for each name.", "", param="tools")
    for name, tool in tools.items():
        if not isinstance(tool, dict):
            raise RequestRefused(400, f"tools.{name[:100]}: must be an object.", "", param="tools")
        parameters = tool.get("parameters") or tool.get("inputSchema")
        yield {"name": name, "description": tool.get("description"), "parameters": parameters}


def _text(body: JsonObject, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise RequestRefused(400, f"{name}: must be text.", "", param=name)
    return value
