"""How much a run, the runs that it calls and a tenant may spend, and what has been spent."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.limits import MOST_COUNT, MOST_SECONDS

BudgetName: TypeAlias = Literal["model_calls", "tool_calls", "tokens", "cost", "seconds", "depth"]
"""What can be limited."""

PICOS: Final = 10**12
"""Costs are kept in whole numbers of this part of a unit of the currency, so that sums are exact in any order."""


@dataclass(frozen=True, slots=True)
class BudgetLimits:
    """The most that may be spent; None: no limit. What one unit of each is, docs/budgets.md tells.

    Attributes:
        model_calls: requests that are sent to a model, each attempt for itself.
        tool_calls: calls of tools that begin, those of agents and of handoffs among them.
        tokens: of the requests and of the answers.
        cost: in the currency of the prices.
        seconds: that runs take; the time during which one is suspended does not count.
        depth: levels of agents that call each other; 0: no agent may be called.

    Raises:
        ConfigurationError: one is of a wrong type or out of range.
    """

    model_calls: int | None = None
    tool_calls: int | None = None
    tokens: int | None = None
    cost: float | None = None
    seconds: float | None = None
    depth: int | None = None

    def __post_init__(self) -> None:
        for name in _COUNTS:
            count: object = getattr(self, name)
            if count is not None and not _is_count(count):
                raise ConfigurationError(
                    f"budgets: {name} must be a whole number from 0 to {MOST_COUNT:,}, got {count!r:.80}.",
                    guidance="Pass None for no limit.",
                )
        for name, most in (("cost", float(MOST_COUNT)), ("seconds", float(MOST_SECONDS))):
            amount: object = getattr(self, name)
            if amount is not None and not _is_amount(amount, most):
                raise ConfigurationError(
                    f"budgets: {name} must be a number from 0 to {most:,.0f}, got {amount!r:.80}.",
                    guidance="Pass None for no limit.",
                )


_COUNTS: Final = ("model_calls", "tool_calls", "tokens", "depth")


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_COUNT


def _is_amount(value: object, most: float) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and 0 <= value <= most
    )


@dataclass(frozen=True, slots=True)
class Spent:
    """What was spent. Adding two gives the sum.

    Attributes:
        picos: the cost, in parts of the currency's unit; see `PICOS`.
    """

    model_calls: int = 0
    tool_calls: int = 0
    tokens: int = 0
    picos: int = 0
    seconds: float = 0.0

    @property
    def cost(self) -> float:
        """The cost in the currency of the prices."""
        return self.picos / PICOS

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.model_calls + other.model_calls,
            self.tool_calls + other.tool_calls,
            self.tokens + other.tokens,
            self.picos + other.picos,
            self.seconds + other.seconds,
        )

    def __neg__(self) -> Spent:
        return Spent(-self.model_calls, -self.tool_calls, -self.tokens, -self.picos, -self.seconds)

    def __sub__(self, other: Spent) -> Spent:
        return self + -other

    def to_dict(self) -> JsonObject:
        """Plain data."""
        return {
            "model_calls": self.model_calls,
            "tool_calls": self.tool_calls,
            "tokens": self.tokens,
            "cost": self.cost,
            "seconds": self.seconds,
        }


NOTHING_SPENT: Final = Spent()


def no_room(limits: BudgetLimits, spent: Spent, wanted: Spent, depth: int = 0) -> BudgetName | None:
    """Return the first limit that `wanted` would exceed in addition to `spent`, or None if there is room.

    Args:
        depth: levels of agents below the one that the limits are of.
    """
    after = spent + wanted
    cost = None if limits.cost is None else cost_limit(limits.cost)
    checks: tuple[tuple[BudgetName, float | None, float], ...] = (
        ("model_calls", limits.model_calls, after.model_calls),
        ("tool_calls", limits.tool_calls, after.tool_calls),
        ("tokens", limits.tokens, after.tokens),
        ("cost", cost, after.picos),
        ("depth", limits.depth, depth),
    )
    return next((name for name, most, amount in checks if most is not None and amount > most), None)


def cost_limit(cost: float) -> int:
    """A cost in parts of the currency's unit."""
    return round(cost * PICOS)


@dataclass(frozen=True, slots=True)
class Exceeded:
    """A budget has no room for what was wanted.

    Attributes:
        budget: whose: `run`, `tree`, `tenant …`.
        limit: which of its limits.
        allowed: that limit.
        spent: what was spent by then, what is under way included.
        retry_after: seconds after which there may be room again; None if waiting does not help.
    """

    budget: str
    limit: str
    allowed: float
    spent: Spent
    retry_after: float | None = None
