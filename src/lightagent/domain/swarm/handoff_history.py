"""What of a conversation goes along when an agent hands over: a pure function of the messages and the rule."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from lightagent.domain.conversation.call_forms import resolve_called_name
from lightagent.domain.conversation.labels import labels_within
from lightagent.domain.conversation.messages import AssistantMessage, ContextMessage, Message, ToolCall, ToolMessage
from lightagent.domain.conversation.trimming import turn_start
from lightagent.domain.policy.phases import Decision
from lightagent.domain.swarm.handoff_limits import HANDOFF_SOURCE


@dataclass(frozen=True, slots=True)
class Transfer:
    """The first `count` messages are replaced by `messages`.

    Attributes:
        gone: those of them that do not go along at all.
    """

    count: int
    messages: tuple[Message, ...]
    gone: tuple[Message, ...]


def last_messages(messages: Sequence[Message], query_at: int, keep: int) -> Transfer:
    """The last `keep` messages go along, and the query with what context sources added to it.

    Args:
        keep: at least 1; a message with calls and their results count as one.
    """
    starts = [unit.start for unit in _units(messages)]
    start, end = _query_block(messages, query_at)
    first = starts[-keep] if keep < len(starts) else 0
    if start < first < end:
        first = start
    if first <= start:  # The query is among what stays.
        return Transfer(first, (), tuple(messages[:first]))
    query = tuple(messages[start:end])
    return Transfer(first, query, (*messages[:start], *messages[end:first]))


def query_alone(messages: Sequence[Message], query_at: int) -> Transfer:
    """Nothing goes along but the query, with what context sources added to it."""
    start, end = _query_block(messages, query_at)
    return Transfer(len(messages), tuple(messages[start:end]), (*messages[:start], *messages[end:]))


def holds_more(messages: Sequence[Message], query_at: int) -> bool:
    """Whether there is more to tell than the query and the message that handed over, which is the last."""
    start, end = _query_block(messages, query_at)
    return any(unit.stop <= start or unit.start >= end for unit in _units(messages)[:-1])


def without_foreign_calls(
    messages: Sequence[Message], own: Collection[str], told: str, untrusted: Sequence[str]
) -> tuple[Message, ...]:
    """Return the messages, with calls of tools that the agent lacks written out as text, each with its result.

    A changed message loses the fields that its provider added: signatures cover the whole message.

    Args:
        own: the names of the tools that the agent has.
        told: the template of that text, with `{calls}` for the calls.
        untrusted: the untrusted labels of all that has entered the conversation.
    """
    units = (messages[unit.start : unit.stop] for unit in _units(messages))
    return tuple(one for unit in units for one in _without_foreign_calls(unit, own, told, untrusted))


def call_in_words(call: ToolCall, output: str) -> str:
    """A call and its result in words."""
    return f"[{call.name}({call.arguments})]\n{output}"


def _without_foreign_calls(
    unit: Sequence[Message], own: Collection[str], told: str, untrusted: Sequence[str]
) -> Iterator[Message]:
    first, *rest = unit
    names = tuple(own)
    foreign = {
        call.id: call
        for call in (first.tool_calls if isinstance(first, AssistantMessage) else ())
        if resolve_called_name(call.name, names) not in own
    }
    if not isinstance(first, AssistantMessage) or not foreign:
        yield from unit
        return
    calls = tuple(call for call in first.tool_calls if call.id not in foreign)
    if calls or (first.content and not first.content.isspace()):
        yield replace(first, tool_calls=calls, reasoning=None, provider_fields=None)
    results = [one for one in rest if isinstance(one, ToolMessage)]
    yield from (one for one in results if one.tool_call_id not in foreign)
    texts = [call_in_words(foreign[one.tool_call_id], one.content) for one in results if one.tool_call_id in foreign]
    labels = labels_within(unit, untrusted)
    yield ContextMessage(HANDOFF_SOURCE, told.format(calls="\n\n".join(texts)), "untrusted", labels)


def _units(messages: Sequence[Message]) -> list[range]:
    """The places of each message, together with those of the results of its calls."""
    starts = [place for place, message in enumerate(messages) if not isinstance(message, ToolMessage)]
    return [range(start, end) for start, end in zip(starts, [*starts[1:], len(messages)], strict=True)]


def _query_block(messages: Sequence[Message], query_at: int) -> tuple[int, int]:
    """Where the query stands with what context sources put before it; nowhere, where it gave way before."""
    if query_at >= len(messages):
        return 0, 0
    return turn_start(messages, query_at), query_at + 1


_BY: Final = "handoff_text"

KEPT_BACK: Final = Decision("model_reply", _BY, "allow", "What is said beside a handoff is not shown to the user.")
"""For a reply whose text is recorded, for the agent that takes over, and not shown to the user."""

DROPPED: Final = Decision("model_reply", _BY, "rewrite", "What is said beside a handoff is dropped.")
"""For a reply whose text is not recorded."""
