"""The budgets of an agent: completed with prices and accounts, and checked."""

from __future__ import annotations

from dataclasses import replace

from lightagent.compose.check_ports import check_port
from lightagent.domain.budgets.budget import BudgetLimits
from lightagent.domain.budgets.prices import PriceTable
from lightagent.domain.errors import ConfigurationError
from lightagent.ports.budgets import NO_LIMITS, Budgets, TenantBudget


def compose_budgets(given: Budgets | BudgetLimits | None) -> Budgets | None:
    """Return the budgets, completed with prices if a cost is limited, and with accounts in memory.

    Raises:
        ConfigurationError: a cost is limited and prices are missing, or the accounts are not what their port asks for.
    """
    if given is None:
        return None
    budgets = Budgets(given) if isinstance(given, BudgetLimits) else given
    if budgets.tree == NO_LIMITS and budgets.run == NO_LIMITS and budgets.tenant is None:
        return None
    if budgets.costs and budgets.prices is None:
        from lightagent.adapters.prices import litellm_prices  # It reads a file, which most agents do not need.

        prices = litellm_prices()
        if prices is None:
            raise ConfigurationError(
                "budgets: a cost is limited, but prices are missing.",
                guidance="Pass Budgets(prices=PriceTable({...})), or install lightagent[litellm], which has a table.",
            )
        budgets = replace(budgets, prices=prices)
    return budgets if budgets.tenant is None else replace(budgets, tenant=_with_accounts(budgets.tenant))


def compose_prices(given: Budgets | BudgetLimits, composed: Budgets | None) -> PriceTable | None:
    """Return the prices, also of budgets without limits; None without prices."""
    if composed is not None:
        return composed.prices
    return given.prices if isinstance(given, Budgets) else None


def _with_accounts(tenant: TenantBudget) -> TenantBudget:
    accounts = check_port(tenant.accounts, "budgets: accounts", "find", "update", "aclose")
    if accounts is not None:
        return tenant
    from lightagent.adapters.budgets.memory import SHARED_ACCOUNTS

    return replace(tenant, accounts=SHARED_ACCOUNTS)
