"""Where the messages of a conversation come from: labels that outlive the messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lightagent.domain.messages import AssistantMessage, ContextMessage, Message, ToolMessage, Trust, UserMessage

TOOL_LABEL = "tool:"
"""The beginning of the label of a tool's result; the tool's name follows."""


def labels_of(messages: Sequence[Message]) -> tuple[str, ...]:
    """Where these messages come from, each label once, in their order.

    They are `user`, `assistant`, `tool:NAME` and `context:SOURCE`. A message that stands for others has their labels.
    """
    return tuple(dict.fromkeys(_labels(messages)))


def trust_of(messages: Sequence[Message]) -> Trust:
    """The trust that a text made of these messages deserves: that of the least trusted of them."""
    trusted = all(isinstance(message, ContextMessage) and message.trust == "trusted" for message in messages)
    return "trusted" if trusted else "untrusted"


def tool_names(messages: Sequence[Message]) -> dict[int, str]:
    """The tool of each result among these messages, by the result's place."""
    names: dict[int, str] = {}
    calls: dict[str, str] = {}
    for place, message in enumerate(messages):
        if isinstance(message, AssistantMessage):
            calls = {call.id: call.name for call in message.tool_calls}
        elif isinstance(message, ToolMessage):
            names[place] = calls.get(message.tool_call_id) or message.name or ""
    return names


def _labels(messages: Sequence[Message]) -> Iterator[str]:
    names = tool_names(messages)
    for place, message in enumerate(messages):
        match message:
            case ContextMessage(source=source, replaces=replaces):
                yield from replaces or (f"context:{source}",)
            case ToolMessage():
                yield f"{TOOL_LABEL}{names[place]}"
            case AssistantMessage():
                yield "assistant"
            case UserMessage():
                yield "user"
            case _:
                yield message.role
