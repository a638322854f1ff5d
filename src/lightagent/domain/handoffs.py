"""How often agents may hand a run over to each other, as a pure rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from lightagent.domain.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class HandoffLimits:
    """How far the agents of a swarm may hand a run over.

    Attributes:
        max_handoffs: in one run.
        max_repeats: by the same agent to the same other one in one run, so that two agents which each take a task for
            the other's do not pass it back and forth.

    Raises:
        ConfigurationError: one is no whole number of at least 0 (handoffs) or 1 (repeats).
    """

    max_handoffs: int = 8
    max_repeats: int = 2

    def __post_init__(self) -> None:
        for name, least in (("max_handoffs", 0), ("max_repeats", 1)):
            count: object = getattr(self, name)
            if not isinstance(count, int) or isinstance(count, bool) or count < least:
                raise ConfigurationError(f"handoffs: {name} must be a whole number of at least {least}, got {count!r}.")


def refused_handoff(route: Sequence[str], target: str, limits: HandoffLimits) -> str | None:
    """Why the agent that acts may not hand over to another; None where it may.

    Args:
        route: the names of the agents that have acted in this run, in order; the last one acts.
        target: whom it would hand over to.
    """
    acting = route[-1]
    if target == acting:
        return f"You are {target}: nobody else is asked. Answer, or hand over to another agent."
    done = len(route) - 1
    if done >= limits.max_handoffs:
        return f"This conversation was handed over {done} times already. Answer with what is known."
    repeats = sum(pair == (acting, target) for pair in pairwise(route))
    if repeats >= limits.max_repeats:
        times = "once" if repeats == 1 else f"{repeats} times"
        return f"You have handed this conversation over to {target} {times} already. Answer with what is known."
    return None
