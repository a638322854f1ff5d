"""The budget of a run, or of a run and all that it calls, as it is counted in this process."""

from __future__ import annotations

from collections.abc import Callable

from lightagent.domain.budgets.budget import NOTHING_SPENT, BudgetLimits, BudgetName, Exceeded, Spent, no_room
from lightagent.domain.budgets.prices import PriceTable
from lightagent.domain.budgets.spending import Used, total_of
from lightagent.domain.errors import ConfigurationError
from lightagent.ports.budgets import Meter


class RunMeter(Meter):
    """Counts in memory. It never awaits, so no other task of the event loop runs between its steps.

    Args:
        name: of the budget: `run` or `tree`.
        seconds: gives those that the run has taken.
        level: of the run that it belongs to: how many agents lead to that one from the outermost run.
        spent: before, as the journal tells.

    Attributes:
        limits: what may be spent.
        spent: what was, what is under way left out.
    """

    def __init__(
        self,
        name: str,
        limits: BudgetLimits,
        prices: PriceTable,
        seconds: Callable[[], float],
        level: int = 0,
        spent: Spent = NOTHING_SPENT,
    ) -> None:
        self.limits = limits
        self.spent: Spent = spent
        self._name = name
        self._prices = prices
        self._level = level
        self._seconds = seconds
        self._held = NOTHING_SPENT

    @property
    def account(self) -> object:
        return self

    async def reserve(self, wanted: Used, level: int) -> Exceeded | None:
        foreseen = weighed(wanted, self._prices, priced=self.limits.cost is not None)
        depth = level + wanted.depth - self._level if wanted.depth else 0
        taken = self.spent + self._held
        limit = no_room(self.limits, taken, foreseen, depth)
        if limit is not None:
            return self.exceeded(limit)
        self.spent += Spent(foreseen.model_calls, foreseen.tool_calls)
        self._held += _size(foreseen)
        return None

    def exceeded(self, limit: BudgetName) -> Exceeded:
        """What to report if this limit leaves no room."""
        spent = self.spent + self._held + Spent(seconds=self._seconds())
        return Exceeded(self._name, limit, getattr(self.limits, limit), spent)

    def release(self, wanted: Used) -> None:
        foreseen = weighed(wanted, self._prices)
        self.spent -= Spent(foreseen.model_calls, foreseen.tool_calls)
        self._held -= _size(foreseen)

    def settle(self, wanted: Used, used: Used) -> None:
        self._held -= _size(weighed(wanted, self._prices))
        self.spent += _size(weighed(used, self._prices))

    async def flush(self) -> None:
        """Nothing: the counts are in this process alone."""


def weighed(used: Used, prices: PriceTable, *, priced: bool = False) -> Spent:
    """What was used, with its tokens in one number and their cost.

    Args:
        priced: the cost is limited, so that a model without a price cannot be asked.

    Raises:
        ConfigurationError: the price is missing.
    """
    usage, picos = used.usage, 0
    if used.models and (priced or prices.prices):
        price = prices.find(*used.models)
        if price is None and priced:
            raise ConfigurationError(
                f"budgets: the cost is limited, but the price table lacks the model {used.models[0]!r:.100}.",
                guidance="Add it to Budgets(prices=PriceTable({...})).",
            )
        picos = 0 if price is None else price.picos(usage)
    return Spent(used.model_calls, used.tool_calls, total_of(usage), picos)


def _size(spent: Spent) -> Spent:
    """The part of it that is known only afterwards."""
    return Spent(tokens=spent.tokens, picos=spent.picos)
