"""How far a run may go."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from lightagent.domain.errors import ConfigurationError


class _DefaultInt(int):
    """A default number, which can be told apart from the same number given explicitly."""

    __slots__ = ()


_ATTEMPTS: Final = _DefaultInt(10)


@dataclass(frozen=True, slots=True)
class Limits:
    """How far a run may go.

    Attributes:
        max_tool_iterations: rounds of tool calls.
        max_retry: attempts at one model request, the first included.
        max_output_retries: how often an invalid final answer goes back to the model.
        max_calls_per_turn: tool calls that one reply of the model may make; those beyond it are refused.
        model_timeout: seconds for one model request with all its attempts and the waiting between them.
        timeout: seconds from start (or resumption) to end of the run; None: no limit.

    Raises:
        ConfigurationError: one is of a wrong type or out of range; the text names it.
    """

    max_tool_iterations: int = 10
    max_retry: int = _ATTEMPTS
    max_output_retries: int = 3
    max_calls_per_turn: int = 128
    model_timeout: float = 600.0
    timeout: float | None = None

    def __post_init__(self) -> None:
        for name, least in _COUNTS.items():
            count: object = getattr(self, name)
            if not isinstance(count, int) or isinstance(count, bool) or count < least:
                raise ConfigurationError(f"limits: {name} must be a whole number of at least {least}, got {count!r}.")
            if count > MOST_COUNT:
                raise ConfigurationError(f"limits: {name} must be at most {MOST_COUNT:,}.")
        # As a float, which is what a journal gives back.
        object.__setattr__(self, "model_timeout", _seconds("model_timeout", self.model_timeout))
        if self.timeout is not None:
            object.__setattr__(self, "timeout", _seconds("timeout", self.timeout))

    @property
    def says_max_retry(self) -> bool:
        """Whether `max_retry` was given, be it the default; it then holds for servers that cannot be reached, too."""
        return not isinstance(self.max_retry, _DefaultInt)


MOST_COUNT: Final = 10**18
MOST_SECONDS: Final = 10**9
"""About 30 years."""

_COUNTS: Final = {"max_tool_iterations": 0, "max_retry": 1, "max_output_retries": 0, "max_calls_per_turn": 1}


def _seconds(name: str, seconds: object) -> float:
    hint = "Pass None for no limit." if name == "timeout" else ""
    if isinstance(seconds, (int, float)) and MOST_SECONDS < seconds < math.inf:
        raise ConfigurationError(f"limits: {name} must be at most {MOST_SECONDS:,} seconds.", guidance=hint)
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not 0 < seconds < math.inf:
        raise ConfigurationError(f"limits: {name} must be a number of seconds above 0, got {seconds!r}.", guidance=hint)
    return float(seconds)


DEFAULT_LIMITS: Final = Limits()
