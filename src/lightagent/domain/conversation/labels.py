"""Where the messages of a conversation come from: labels that outlive the messages.

A label is a text: ``user``, ``assistant``, ``tool:NAME``, ``context:SOURCE``, or what a tool says of its answer, such
as ``mcp:files``. Text is untrusted unless its label is that of the user or of the model, or begins with ``trusted:``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from lightagent.domain.conversation.messages import (
    AssistantMessage,
    ContextMessage,
    Message,
    ToolMessage,
    Trust,
    UserMessage,
)

TOOL_LABEL: Final = "tool:"
"""The beginning of the label of a tool's result; the tool's name follows."""

TRUSTED: Final = "trusted:"
"""The beginning of the label of what the application vouches for; the rest says where it comes from."""

_PEOPLE: Final = frozenset({"user", "assistant", "system"})


def labels_of(messages: Sequence[Message]) -> tuple[str, ...]:
    """Where these messages come from, each label once, in their order.

    A message that stands for others has their labels.
    """
    return tuple(dict.fromkeys(_labels(messages)))


def is_untrusted(label: str) -> bool:
    """Whether people or systems outside the application may have written the text of this label."""
    return label not in _PEOPLE and not label.startswith(TRUSTED)


def labels_within(messages: Sequence[Message], untrusted: Sequence[str]) -> tuple[str, ...]:
    """Where these messages of a run come from, for a text that tells of them.

    The messages alone do not say which results the application vouches for, nor which calls were refused and so have a
    text of the framework's. The run does: where they have an untrusted label that it lacks, those which it has count.

    Args:
        untrusted: the untrusted labels of all that has entered the conversation of the run.
    """
    labels = labels_of(messages)
    if all(label in untrusted for label in labels if is_untrusted(label)):
        return labels
    return tuple(dict.fromkeys((*(label for label in labels if not is_untrusted(label)), *untrusted)))


def untrusted_labels(messages: Sequence[Message]) -> tuple[str, ...]:
    """The labels of these messages that are untrusted."""
    if not any(isinstance(message, (ToolMessage, ContextMessage)) for message in messages):
        return ()  # Long conversations are looked through at every turn, and most hold neither.
    return tuple(filter(is_untrusted, labels_of(messages)))


def joined(known: tuple[str, ...], more: Iterable[str]) -> tuple[str, ...]:
    """The untrusted labels that are known, and those of `more`, once each; itself if nothing comes to it."""
    new = tuple(dict.fromkeys(label for label in more if is_untrusted(label) and label not in known))
    return known + new if new else known


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
            case ContextMessage(source=source, trust=trust, replaces=replaces):
                own = f"context:{source}"
                yield from replaces or (f"{TRUSTED}{own}" if trust == "trusted" else own,)
            case ToolMessage():
                yield f"{TOOL_LABEL}{names[place]}"
            case AssistantMessage():
                yield "assistant"
            case UserMessage():
                yield "user"
            case _:
                yield message.role
