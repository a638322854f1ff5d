"""Calls of client functions without a result: what a conversation contains for them once it continues.

People ignore a tool and ask something else. Models refuse a conversation in which a call has no result, so without a
result the user could not continue it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from lightagent.application.serving.error_statuses import RequestRefused
from lightagent.domain.json_types import JsonObject

NOT_CARRIED_OUT: Final = "This was not carried out: the user went on without it."
"""The result that the model reads for such a call."""


@dataclass(slots=True)
class _Answered:
    """The conversation as read so far."""

    messages: list[JsonObject] = field(default_factory=list)
    waiting: dict[str, None] = field(default_factory=dict)
    abandoned: dict[str, None] = field(default_factory=dict)

    def leave(self) -> None:
        """Add results for the waiting calls: the conversation has continued, so they are not carried out."""
        self.abandoned |= self.waiting
        self.messages += map(_result, self.waiting)
        self.waiting = {}


def with_results(
    messages: Sequence[JsonObject], places: Sequence[int], at: str = "messages"
) -> tuple[list[JsonObject], tuple[str, ...]]:
    """Return the messages with a result for each call that has none, and the ids of these calls.

    A result that comes after the conversation has continued is left out: a substitute already stands in its place.

    Args:
        places: the indexes of the messages in the request.
        at: the field that holds them.

    Raises:
        RequestRefused: a result belongs to no call, or two calls of one message have the same id.
    """
    read = _Answered()
    for place, message in zip(places, messages, strict=True):
        call_id = message.get("tool_call_id")
        if message.get("role") != "tool":
            read.leave()
            read.waiting = _calls(message, f"{at}[{place}]")
        elif not isinstance(call_id, str) or (call_id not in read.waiting and call_id not in read.abandoned):
            name = f"{at}[{place}].tool_call_id"
            told = f"{name}: no call {call_id!r:.100} waits for this result."
            raise RequestRefused(400, told, "Send the message that has the call before it.", param=name)
        elif call_id not in read.waiting:
            continue
        else:
            del read.waiting[call_id]
        read.messages.append(message)
    read.leave()
    return read.messages, tuple(read.abandoned)


def _result(call_id: str) -> JsonObject:
    return {"role": "tool", "tool_call_id": call_id, "content": NOT_CARRIED_OUT}


def _calls(message: JsonObject, at: str) -> dict[str, None]:
    """Return the ids of a message's calls; only assistant messages have any."""
    found = list(_call_ids(message))
    if len(set(found)) < len(found):
        name = f"{at}.tool_calls"
        raise RequestRefused(400, f"{name}: two calls have the same id.", "Give each call its own id.", param=name)
    return dict.fromkeys(found)


def _call_ids(message: JsonObject) -> Iterator[str]:
    calls = message.get("tool_calls") if message.get("role") == "assistant" else None
    for call in calls if isinstance(calls, list) else ():
        call_id = call.get("id") if isinstance(call, dict) else None
        if isinstance(call_id, str):
            yield call_id
