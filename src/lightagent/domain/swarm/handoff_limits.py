"""How agents hand a run over to each other, as pure rules: how often, and what of the conversation goes along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, TypeAlias

from lightagent.domain.errors import ConfigurationError

HANDOFF_SOURCE: Final = "handoff"
"""The source of what an agent is told in place of messages that do not go along, as its delimiters name it."""

ForeignCalls: TypeAlias = Literal["calls", "text"]
"""How calls of tools that the agent which takes over lacks go along: as the calls they are, or told in words."""

HandoffText: TypeAlias = Literal["show", "keep", "drop"]
"""What becomes of text that a model writes beside the call that hands over.

* show: the user sees it, and the agent that takes over reads it.
* keep: only the agent that takes over reads it.
* drop: it is discarded, and not recorded either.
"""

NextTurn: TypeAlias = Literal["last", "front"]
"""Who takes the next turn of a session: the agent that answered last, or the one that the run is begun with."""


@dataclass(frozen=True, slots=True)
class HistoryTransfer:
    """What of the conversation goes along when an agent hands over; the query of the turn under way always does.

    Attributes:
        keep: ``all``; the last so many messages, where a message with calls and their results count as one;
            ``summary``, for which a model is asked once; ``none``. The last two also tell the call that handed over.
        foreign_calls: how calls of tools that the other agent lacks go along, where they do.

    Raises:
        ConfigurationError: it is none of these.
    """

    keep: Literal["all", "summary", "none"] | int = "all"
    foreign_calls: ForeignCalls = "calls"

    def __post_init__(self) -> None:
        keep: object = self.keep
        counts = isinstance(keep, int) and not isinstance(keep, bool) and keep >= 1
        if not counts and keep not in ("all", "summary", "none"):
            raise ConfigurationError(
                f"history: keep must be 'all', 'summary', 'none' or a number of messages, got {keep!r:.80}."
            )
        if self.foreign_calls not in ("calls", "text"):
            raise ConfigurationError(
                f"history: foreign_calls must be 'calls' or 'text', got {self.foreign_calls!r:.80}."
            )

    @property
    def changes_nothing(self) -> bool:
        """Whether the conversation goes along as it is."""
        return self == EVERYTHING


EVERYTHING: Final = HistoryTransfer()
"""The whole conversation, as it is."""


@dataclass(frozen=True, slots=True)
class HandoffLimits:
    """How far the agents of a swarm may hand a run over.

    Attributes:
        max_handoffs: in one run.
        max_repeats: by the same agent to the same other one in one run, so that two agents which each take a task for
            the other's do not pass it back and forth.

    Raises:
        ConfigurationError: a value is not an integer of at least 0 (handoffs) or 1 (repeats).
    """

    max_handoffs: int = 8
    max_repeats: int = 2

    def __post_init__(self) -> None:
        for name, least in (("max_handoffs", 0), ("max_repeats", 1)):
            count: object = getattr(self, name)
            if not isinstance(count, int) or isinstance(count, bool) or count < least:
                raise ConfigurationError(f"handoffs: {name} must be a whole number of at least {least}, got {count!r}.")


def refused_handoff(route: Sequence[str], target: str, limits: HandoffLimits, handed_over_to: str = "") -> str | None:
    """Return why the acting agent may not hand over to another, or None if it may.

    Args:
        route: the names of the agents that have acted in this run, in order; the last one acts.
        target: whom it would hand over to.
        handed_over_to: whom it has handed over to in this turn.
    """
    acting = route[-1]
    if handed_over_to:
        return f"You have handed this conversation over to {handed_over_to} in this turn already, who decides further."
    if target == acting:
        return f"You are {target}: no other agent is asked. Answer, or hand over to another agent."
    done = len(route) - 1
    if done >= limits.max_handoffs:
        return f"This conversation was handed over {done} times already. Answer with what is known."
    repeats = sum(pair == (acting, target) for pair in pairwise(route))
    if repeats >= limits.max_repeats:
        times = "once" if repeats == 1 else f"{repeats} times"
        return f"You have handed this conversation over to {target} {times} already. Answer with what is known."
    return None
