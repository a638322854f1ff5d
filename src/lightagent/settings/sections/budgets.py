"""The section ``[default.budgets]``: what runs may spend, and the budgets of agents that are made from it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lightagent.adapters.budgets.journal import JournalBudgetAccounts
from lightagent.adapters.prices import litellm_prices
from lightagent.domain.budgets.accounts import Period, RateLimit
from lightagent.domain.budgets.budget import BudgetLimits
from lightagent.domain.budgets.prices import NO_PRICES, ModelPrice, PriceTable
from lightagent.ports.budgets import NO_LIMITS, BudgetAccounts, Budgets, TenantBudget
from lightagent.ports.journals import JournalStore
from lightagent.settings.sections.base import NEEDS_TRUST, Section


class LimitSettings(Section):
    """What may be spent; see `lightagent.domain.budgets.budget.BudgetLimits`."""

    model_calls: int | None = Field(default=None, ge=0, description="Requests to models, each attempt for itself.")
    tool_calls: int | None = Field(default=None, ge=0, description="Calls of tools that begin.")
    tokens: int | None = Field(default=None, ge=0, description="Tokens of requests and answers.")
    cost: float | None = Field(default=None, ge=0, description="Cost, in the currency of the prices.")


class RunLimitSettings(LimitSettings):
    """What a run may spend."""

    seconds: float | None = Field(default=None, ge=0, description="Seconds that a run takes.")
    depth: int | None = Field(default=None, ge=0, description="Levels of agents that call each other.")


class TenantSettings(LimitSettings):
    """What all runs of a tenant or user may spend together; see `lightagent.ports.budgets.TenantBudget`."""

    name: str | None = Field(default=None, description="Whose account; by default the tenant of the run's owner.")
    per: Literal["tenant", "user"] = Field(default="tenant", description="tenant, or user: an account for each user.")
    period: Period = Field(default="ever", description="hour, day, month or ever.")
    requests_per_minute: int | None = Field(default=None, ge=1, description="Requests to models in any minute.")
    tokens_per_minute: int | None = Field(default=None, ge=1, description="Tokens in any minute.")
    max_wait: float = Field(default=60.0, ge=0, description="Seconds that a request waits for room in the minute.")


class PriceSettings(Section):
    """The price of a million tokens of one model; see `lightagent.domain.budgets.prices.ModelPrice`."""

    input_per_million: float = Field(ge=0, description="The price of a million tokens that are sent.")
    output_per_million: float = Field(ge=0, description="The price of a million tokens of answers.")
    cached_input_per_million: float | None = Field(
        default=None,
        ge=0,
        description="The price of a million tokens that are sent and read from the provider's cache.",
    )
    cache_write_per_million: float | None = Field(
        default=None,
        ge=0,
        description="The price of a million tokens that are sent and written to the provider's cache.",
    )


class BudgetSettings(Section):
    """What runs may spend; see `lightagent.ports.budgets.Budgets`.

    All of it needs trust, since a file from elsewhere could raise what costs the user money.
    """

    tree: Annotated[RunLimitSettings | None, NEEDS_TRUST] = Field(
        default=None, description="Limits of each run with all agents that it calls."
    )
    run: Annotated[RunLimitSettings | None, NEEDS_TRUST] = Field(
        default=None, description="Limits of each run by itself."
    )
    tenant: Annotated[TenantSettings | None, NEEDS_TRUST] = Field(
        default=None, description="Limits of all runs of a tenant or user; kept in the journal store if there is one."
    )
    prices: Annotated[dict[str, PriceSettings], NEEDS_TRUST] = Field(
        default_factory=dict, description="Prices of models, over those that LiteLLM knows where it is installed."
    )


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
