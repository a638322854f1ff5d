"""Builds the budgets of agents from the table of budgets in the settings."""

from __future__ import annotations

from collections.abc import Iterator

from lightagent.adapters.budgets.journal import JournalBudgetAccounts
from lightagent.adapters.prices import litellm_prices
from lightagent.domain.budgets.accounts import RateLimit
from lightagent.domain.budgets.budget import BudgetLimits
from lightagent.domain.budgets.prices import NO_PRICES, ModelPrice, PriceTable
from lightagent.domain.budgets.spending import model_names
from lightagent.domain.errors import ConfigurationError
from lightagent.ports.budgets import NO_LIMITS, BudgetAccounts, Budgets, TenantBudget
from lightagent.ports.journals import JournalStore
from lightagent.ports.models import ChatModel
from lightagent.settings.budget_schema import (
    BudgetSettings,
    LimitSettings,
    PriceSettings,
    RunLimitSettings,
    TenantSettings,
)
from lightagent.settings.origins import Problem
from lightagent.settings.schema import Settings


def compose_budget_settings(chosen: BudgetSettings, journals: JournalStore | None) -> Budgets | None:
    """Return the budgets that the settings describe; None without any limit or price.

    Args:
        journals: the store for the accounts of tenants; None to keep them in memory.

    Raises:
        ConfigurationError: the numbers do not fit together.
    """
    tenant = None
    if chosen.tenant is not None:
        accounts = None if journals is None else JournalBudgetAccounts(journals)
        tenant = _tenant(chosen.tenant, accounts)
    budgets = Budgets(_run_limits(chosen.tree), _run_limits(chosen.run), tenant, _prices(chosen.prices))
    limited = budgets.tree != NO_LIMITS or budgets.run != NO_LIMITS or tenant is not None
    return budgets if limited or budgets.prices is not None else None


def budget_problems(settings: Settings, model: object) -> Iterator[Problem]:
    """Yield the problems of the table of budgets, including missing prices.

    Args:
        model: the chat model that the settings configure, if it could be opened.
    """
    place = settings.provenance.place(("budgets",))
    try:
        budgets = compose_budget_settings(settings.budgets, None)
    except ConfigurationError as error:
        yield Problem(place, error.message, error.guidance)
        return
    if budgets is None or not budgets.costs:
        return
    prices = litellm_prices() if budgets.prices is None else budgets.prices
    if prices is None:
        yield Problem(
            place,
            "The cost is limited, but prices are missing.",
            "Add tables [default.budgets.prices.MODEL], or install lightagent[litellm], which has prices.",
        )
    elif isinstance(model, ChatModel) and prices.find(*model_names(model.name)) is None:
        yield Problem(
            place,
            f"The cost is limited, but the price table lacks the model {model.name!r:.100}.",
            f'Add it: [default.budgets.prices."{model.name:.100}"] with input_per_million and output_per_million.',
        )


def _limits(chosen: LimitSettings) -> BudgetLimits:
    return BudgetLimits(chosen.model_calls, chosen.tool_calls, chosen.tokens, chosen.cost)


def _run_limits(chosen: RunLimitSettings | None) -> BudgetLimits:
    if chosen is None:
        return NO_LIMITS
    return BudgetLimits(chosen.model_calls, chosen.tool_calls, chosen.tokens, chosen.cost, chosen.seconds, chosen.depth)


def _tenant(chosen: TenantSettings, accounts: BudgetAccounts | None) -> TenantBudget:
    requests, tokens = chosen.requests_per_minute, chosen.tokens_per_minute
    rate = None if requests is None and tokens is None else RateLimit(requests, tokens, chosen.max_wait)
    return TenantBudget(_limits(chosen), chosen.period, rate, accounts, chosen.per, chosen.name)


def _prices(chosen: dict[str, PriceSettings]) -> PriceTable | None:
    """Return the prices of the settings, which override those of LiteLLM; None if the settings have none."""
    if not chosen:
        return None
    own = {
        name: ModelPrice(
            price.input_per_million,
            price.output_per_million,
            price.cached_input_per_million,
            price.cache_write_per_million,
        )
        for name, price in chosen.items()
    }
    return PriceTable(own) | (litellm_prices() or NO_PRICES)
