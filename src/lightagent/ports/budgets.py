"""The budgets of an agent, and the ports behind them: what counts within a run, and where accounts are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol, get_args, runtime_checkable

from lightagent.domain.budgets.accounts import Account, AccountKey, Period, RateLimit
from lightagent.domain.budgets.budget import BudgetLimits, Exceeded
from lightagent.domain.budgets.prices import PriceTable
from lightagent.domain.budgets.spending import Used
from lightagent.domain.errors import ConfigurationError

NO_LIMITS: Final = BudgetLimits()


@runtime_checkable
class BudgetAccounts(Protocol):
    """Stores accounts that runs of any number of processes share. An update is durable once it returns.

    One object serves any number of tasks, threads and event loops. Its errors are `StoreError`s.
    """

    async def find(self, key: AccountKey) -> Account:
        """Return the current account; an empty one if it does not exist."""
        ...

    async def update(self, key: AccountKey, change: Callable[[Account], Account | None], at: float) -> None:
        """Atomically replace the account by the result of `change`.

        Args:
            change: gives the new account, or None to leave it as it is. It may be called several times, the last call
                being the one that counts.
            at: the time, in seconds since 1970, that may be kept with it.
        """
        ...

    async def aclose(self) -> None:
        """Close all resources; a later call opens them again."""
        ...


@dataclass(frozen=True, slots=True)
class TenantBudget:
    """What all runs of a tenant, or of each user, may spend together, in any number of processes.

    Attributes:
        limits: model calls, tool calls, tokens and cost in each period.
        period: `hour`, `day` or `month` of the calendar in UTC, or `ever`.
        rate: requests and tokens a minute.
        accounts: the store of the account; by default in memory, so for this process alone.
        per: `tenant`, or `user` for an account of each user of each tenant, also if `tenant` is given.
        tenant: the tenant of the account; by default that of the run's owner, which may be empty.

    Raises:
        ConfigurationError: seconds or depth, which only a run has, an unknown period, or no limit at all.
    """

    limits: BudgetLimits = NO_LIMITS
    period: Period = "ever"
    rate: RateLimit | None = None
    accounts: BudgetAccounts | None = None
    per: Literal["tenant", "user"] = "tenant"
    tenant: str | None = None

    def __post_init__(self) -> None:
        for name, kind in (("limits", BudgetLimits), ("rate", RateLimit), ("tenant", str)):
            given: object = getattr(self, name)
            if not isinstance(given, kind) and (given is not None or kind is BudgetLimits):
                raise ConfigurationError(
                    f"budgets: {name} must be {kind.__name__}, got {type(given).__name__}.",
                    guidance=f"Pass {name}={kind.__name__}(...).",
                )
        if self.limits.seconds is not None or self.limits.depth is not None:
            raise ConfigurationError(
                "budgets: seconds and depth are of a run, not of a tenant.", guidance="Pass them as run= or tree=."
            )
        if self.period not in get_args(Period):
            raise ConfigurationError(
                f"budgets: {self.period!r:.80} is not a period.", guidance="hour, day, month or ever."
            )
        if self.per not in ("tenant", "user"):
            raise ConfigurationError(f"budgets: per must be tenant or user, got {self.per!r:.80}.")
        if self.limits == NO_LIMITS and self.rate is None:
            raise ConfigurationError("budgets: tenant= has neither limits nor a rate.")


@dataclass(frozen=True, slots=True)
class Budgets:
    """How much the runs of an agent may spend.

    Attributes:
        tree: each run of the agent together with the runs of all agents that it calls, at any depth.
        run: each run of the agent by itself.
        tenant: all runs of a tenant or user together.
        prices: what models cost: for limits of cost, by default LiteLLM's table where it is installed, and for
            telemetry, by default none, also where nothing is limited.

    Raises:
        ConfigurationError: a value has the wrong type.
    """

    tree: BudgetLimits = NO_LIMITS
    run: BudgetLimits = NO_LIMITS
    tenant: TenantBudget | None = None
    prices: PriceTable | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name, kind in (
            ("tree", BudgetLimits),
            ("run", BudgetLimits),
            ("tenant", TenantBudget),
            ("prices", PriceTable),
        ):
            given: object = getattr(self, name)
            if not isinstance(given, kind) and (given is not None or kind is BudgetLimits):
                raise ConfigurationError(
                    f"budgets: {name} must be {kind.__name__}, got {type(given).__name__}.",
                    guidance=f"Pass {name}={kind.__name__}(...).",
                )

    @property
    def costs(self) -> bool:
        """Whether a cost is limited, so that prices are needed."""
        tenant = NO_LIMITS if self.tenant is None else self.tenant.limits
        return any(limits.cost is not None for limits in (self.tree, self.run, tenant))


class Meter(Protocol):
    """Counts one budget while runs are in progress: those that share it reserve before a call, and settle after it."""

    @property
    def account(self) -> object:
        """Identifies what is counted: meters with equal accounts count the same, and only one of them is charged."""
        ...

    async def reserve(self, wanted: Used, level: int) -> Exceeded | None:
        """Reserve `wanted`, or return the limit that it would exceed.

        Args:
            wanted: calls, and the estimated tokens.
            level: the nesting level of the run: how many agents lead to it from the outermost run.
        """
        ...

    def release(self, wanted: Used) -> None:
        """Return what was reserved and not used."""
        ...

    def settle(self, wanted: Used, used: Used) -> None:
        """Replace the estimated tokens by those that were used."""
        ...

    async def flush(self) -> None:
        """Write what was settled to the shared store, where other processes see it."""
        ...
