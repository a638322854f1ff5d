"""Decides which part of a conversation is removed, so that a request keeps within its budget of tokens.

Only whole units are removed: past turns, and of the current turn whole rounds of calls with their results. The
query of the turn under way, what sources added to it, and its last round always stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from lightagent.domain.conversation.messages import ContextMessage, Message, ToolMessage, UserMessage

REFERENCE_TOKENS: Final = 220
"""What stays of a result that is put aside takes about so many tokens."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The first `count` messages are removed.

    Attributes:
        again: those of them that stay all the same: the query of the turn under way with its context.
        tokens: of all that stays, and of what comes in the place of the rest.
        in_turn: rounds of the current turn are removed as well.
    """

    count: int
    again: tuple[Message, ...]
    tokens: int

    @property
    def in_turn(self) -> bool:
        return bool(self.again)


def plan_cut(
    messages: Sequence[Message],
    sizes: Sequence[int],
    query_at: int,
    *,
    most: int,
    target: int,
    reserve: int = 0,
    note: int = 0,
) -> Cut | None:
    """The smallest cut after which at most `target` tokens stay; else the largest, if it keeps within `most`.

    Args:
        sizes: the tokens of each message.
        query_at: where the query of the turn under way stands.
        reserve: tokens of the text that replaces what is removed.
        note: additional tokens if rounds of the current turn are removed.

    Returns:
        None if no cut keeps within `most`.
    """
    whole = sum(sizes)
    before = [0, *accumulate(sizes)]
    best: Cut | None = None
    for count, again in _cuts(messages, query_at):
        tokens = whole - before[count] + reserve
        if again:
            tokens += before[again.stop] - before[again.start] + note
        best = Cut(count, tuple(messages[again.start : again.stop]), tokens)
        if tokens <= target:
            return best
    return best if best is not None and best.tokens <= most else None


def plan_spill(
    messages: Sequence[Message],
    sizes: Sequence[int],
    *,
    above: int,
    most: int,
    target: int,
    keep: frozenset[int] = frozenset(),
) -> tuple[int, ...]:
    """The places of the tool results to put aside: the oldest that the model has read first, until `target` is reached.

    Results that it has not read yet are put aside only where the request would be above `most` with them, the largest
    first.

    Args:
        above: smaller results stay.
        keep: the places of results that stay in any case.
    """
    left = sum(sizes)
    unread = last_group(messages)
    large = [
        place
        for place, message in enumerate(messages)
        if isinstance(message, ToolMessage) and sizes[place] > above and place not in keep
    ]
    chosen: list[int] = []
    for place in large:
        if place < unread and left > target:
            chosen.append(place)
            left -= sizes[place] - REFERENCE_TOKENS
    for place in sorted(large, key=lambda place: -sizes[place]):
        if place >= unread and left > most:
            chosen.append(place)
            left -= sizes[place] - REFERENCE_TOKENS
    return tuple(sorted(chosen))


def last_group(messages: Sequence[Message]) -> int:
    """Where the last message stands, or the calls that it and those before it answer."""
    place = len(messages) - 1
    while place > 0 and isinstance(messages[place], ToolMessage):
        place -= 1
    return max(place, 0)


def turn_start(messages: Sequence[Message], query_at: int) -> int:
    """Where the turn under way begins: at its query, or at what context sources put before that."""
    place = query_at
    while place > 0 and _is_added(messages[place - 1]):
        place -= 1
    return place


def _cuts(messages: Sequence[Message], query_at: int) -> Iterator[tuple[int, range]]:
    """Yield how many messages may be removed, in ascending order, and the places of those kept nevertheless."""
    began = turn_start(messages, query_at)
    for place in range(1, began):
        if isinstance(messages[place], (UserMessage, ContextMessage)) and not _opens_a_turn(messages[place - 1]):
            yield place, range(0)
    if began > 0:
        yield began, range(0)
    for place in range(query_at + 2, len(messages)):
        if not isinstance(messages[place], ToolMessage):
            yield place, range(began, query_at + 1)


def _opens_a_turn(message: Message) -> bool:
    """Whether what follows belongs to the same turn as this message, which the user said or a source added to it."""
    return isinstance(message, UserMessage) or _is_added(message)


def _is_added(message: Message) -> bool:
    return isinstance(message, ContextMessage) and not message.replaces
