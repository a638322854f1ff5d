"""What requests to models cost, as spans tell it: from the parts of their usage, by the prices that the run has."""

from __future__ import annotations

from lightagent.domain.budgets.budget import PICOS
from lightagent.domain.budgets.prices import NO_PRICES, PriceTable
from lightagent.domain.budgets.spending import model_names
from lightagent.domain.usage import Usage


class RunCosts:
    """The costs of the requests of one agent's run.

    Attributes:
        prices: of the run.
    """

    __slots__ = ("_is_whole", "_picos", "prices")

    def __init__(self) -> None:
        self.prices: PriceTable = NO_PRICES
        self._picos = 0
        self._is_whole = True

    def add(self, usage: Usage | None, model: str, reported: str | None) -> float | None:
        """The cost of one request; None if its token counts or the price of its model are unknown.

        Args:
            model: as the agent has it.
            reported: as the provider called it with the answer.
        """
        if usage is None or not (usage.input_tokens or usage.output_tokens):
            return None
        price = self.prices.find(*model_names(model, reported)) if self.prices.prices else None
        if price is None:
            self._is_whole = False
            return None
        picos = price.picos(usage)
        self._picos += picos
        return picos / PICOS

    @property
    def total(self) -> float | None:
        """The sum; None where one of the requests has no price, or none has told its tokens."""
        return self._picos / PICOS if self._is_whole and self._picos else None
