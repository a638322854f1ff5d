"""What models cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from lightagent.domain.budgets.budget import PICOS
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.usage import Usage

_PER_MILLION: Final = PICOS // 10**6
_MOST: Final = 1e9
_BY_DEFAULT_AS_INPUT: Final = ("cached_input_per_million", "cache_write_per_million")


@dataclass(frozen=True, slots=True)
class ModelPrice:
    """The price of a million tokens of one model, in any currency, the same for all models of a table.

    Attributes:
        input_per_million: of what is sent.
        output_per_million: of what is answered, the reasoning included.
        cached_input_per_million: of what is sent and read from the provider's cache; by default as the rest of it.
        cache_write_per_million: of what is sent and written to that cache; by default as the rest of it.

    Raises:
        ConfigurationError: a price is not a number, or is below 0.
    """

    input_per_million: float
    output_per_million: float
    cached_input_per_million: float | None = None
    cache_write_per_million: float | None = None

    def __post_init__(self) -> None:
        for name in ("input_per_million", "output_per_million", *_BY_DEFAULT_AS_INPUT):
            price: object = getattr(self, name)
            if name in _BY_DEFAULT_AS_INPUT and price is None:
                continue
            if not isinstance(price, int | float) or isinstance(price, bool) or not 0 <= price <= _MOST:
                raise ConfigurationError(f"prices: {name} must be a number of at least 0, got {price!r:.80}.")

    def picos(self, usage: Usage) -> int:
        """What these tokens cost, in the parts that `lightagent.domain.budgets.budget.PICOS` names."""
        cached = min(usage.cached_input_tokens, usage.input_tokens)
        written = min(usage.cache_write_tokens, usage.input_tokens - cached)
        return (
            (usage.input_tokens - cached - written) * _rate(self.input_per_million)
            + cached * self._input_rate(self.cached_input_per_million)
            + written * self._input_rate(self.cache_write_per_million)
            + usage.output_tokens * _rate(self.output_per_million)
        )

    def _input_rate(self, per_million: float | None) -> int:
        """The price of one token of a part of the input, which may have no price of its own."""
        return _rate(self.input_per_million if per_million is None else per_million)


def _rate(per_million: float) -> int:
    """The price of one token."""
    return round(per_million * _PER_MILLION)


@dataclass(frozen=True, slots=True)
class PriceTable:
    """The prices of models by name. `mine | others` has mine where both have one.

    A name is looked up as it is, and then without what stands before its last slash, so that the price of `gpt-4.1`
    holds for `openai/gpt-4.1` as well, and one of `openai/gpt-4.1` for that provider alone.
    """

    prices: Mapping[str, ModelPrice] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given: object = self.prices
        if not isinstance(given, Mapping):
            raise ConfigurationError(f"prices: expected an object of names and prices, got {type(given).__name__}.")
        for name, price in given.items():
            if not isinstance(price, ModelPrice):
                raise ConfigurationError(f"prices: {name!r:.80} must have a ModelPrice, got {type(price).__name__}.")

    def __or__(self, other: PriceTable) -> PriceTable:
        given: object = other
        if not isinstance(given, PriceTable):
            return NotImplemented
        return PriceTable({**other.prices, **self.prices})

    def find(self, *names: str) -> ModelPrice | None:
        """The price of the first of these names that has one."""
        for name in names:
            found = self.prices.get(name) or self.prices.get(name.rpartition("/")[2])
            if found is not None:
                return found
        return None


NO_PRICES: Final = PriceTable()
