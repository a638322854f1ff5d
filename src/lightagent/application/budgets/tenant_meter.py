"""The budget of a tenant or user, on an account that the runs of any number of processes share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from lightagent.aiokits.abandon import TimeIsUp, to_the_end, within
from lightagent.application.budgets.meter import weighed
from lightagent.domain.budgets.accounts import Account, AccountKey, Terms, Wait, correct, reserve
from lightagent.domain.budgets.budget import NOTHING_SPENT, Exceeded, Spent
from lightagent.domain.budgets.prices import PriceTable
from lightagent.domain.budgets.spending import Used
from lightagent.domain.errors import StoreError
from lightagent.domain.scopes import Scope
from lightagent.ports.budgets import BudgetAccounts, Meter, TenantBudget
from lightagent.ports.system import Clock

_ANSWER_SECONDS: Final = 30.0
_NO_TIME: Final = -1.0


@dataclass(slots=True)
class _Correction:
    """A correction of a reservation that is not written to the account yet.

    Attributes:
        change: the used amount minus the reserved estimate; negative if less was used.
        period: the period of the account in which the reservation was made.
        at: the time of the reservation, in seconds of the clock.
    """

    change: Spent
    period: str
    at: float


@dataclass(slots=True)
class _Answer:
    """The result of a reservation.

    Attributes:
        taken: whether the amount was reserved.
        refused: why it was not.
        period: the period of the account in which it was reserved.
    """

    taken: bool = False
    refused: Exceeded | Wait | None = None
    period: str = ""


@dataclass(slots=True)
class _Reserved:
    """A reservation on the account that is not settled yet.

    Attributes:
        foreseen: the estimated amount that was reserved.
        period: the period of the account in which it was reserved.
        at: the time of the reservation, in seconds of the clock.
        wanted: the estimate itself, by whose identity the reservation is found again.
    """

    foreseen: Spent
    period: str
    at: float
    wanted: Used = field(repr=False)


class TenantMeter(Meter):
    """Reserves and settles amounts on an account in a store.

    Corrections are written with the next reservation, or by `flush`; if the process dies before, the estimate stays on
    the account.

    Args:
        budget: the budget whose account is used.
        accounts: the store of the accounts.
        owner: the owner of the run.
        prices: the prices of models.
        clock: the clock of the run.
    """

    def __init__(self, budget: TenantBudget, accounts: BudgetAccounts, owner: Scope, prices: PriceTable, clock: Clock):
        tenant = owner.tenant if budget.tenant is None else budget.tenant
        user = owner.user if budget.per == "user" else ""
        self._key = AccountKey(Scope(tenant, user), _name(budget, owner))
        self._accounts = accounts
        self._terms = Terms(_shown(budget, tenant, user), budget.limits, budget.period, budget.rate)
        self._prices = prices
        self._priced = budget.limits.cost is not None
        self._clock = clock
        self._period = ""
        self._reserved: list[_Reserved] = []
        self._corrections: list[_Correction] = []

    @property
    def account(self) -> object:
        return (self._accounts, self._key)

    async def reserve(self, wanted: Used, level: int) -> Exceeded | None:
        foreseen = weighed(wanted, self._prices, priced=self._priced)
        rate, began = self._terms.rate, self._clock.now()
        most = 0.0 if rate is None else rate.max_wait
        while True:
            now = self._clock.now()
            refused = await self._ask(foreseen, wanted, now)
            if not isinstance(refused, Wait):
                return refused
            if now - began + refused.seconds > most:
                return Exceeded(self._terms.name, refused.limit, refused.allowed, refused.spent, refused.seconds)
            await asyncio.sleep(refused.seconds)

    async def _ask(self, foreseen: Spent, wanted: Used, now: float) -> Exceeded | Wait | None:
        answer = _Answer()
        corrections, self._corrections = self._corrections, []

        def change(account: Account) -> Account | None:
            account = _corrected(account, corrections)
            found = reserve(account, foreseen, self._terms, now)
            if isinstance(found, Account):
                answer.taken, answer.refused, answer.period = True, None, found.period
                return found
            answer.taken, answer.refused = False, found
            return account if corrections else None

        try:
            await to_the_end(self._update(change, now))
        except asyncio.CancelledError:
            # The update was usually carried out; a cancelled run does not use what it reserved.
            if answer.taken:
                self._corrections.append(_Correction(-foreseen, answer.period, now))
            raise
        except BaseException:
            self._corrections = corrections + self._corrections
            raise
        self._period = answer.period or self._period
        if answer.taken and wanted.model_calls:
            self._reserved.append(_Reserved(foreseen, answer.period, now, wanted))
        return answer.refused

    async def _update(self, change: Callable[[Account], Account | None], now: float) -> None:
        """Change the account, within 30 seconds: a run must not hang because the store does not answer.

        Raises:
            StoreError: the accounts did not answer.
        """
        try:
            await within(_ANSWER_SECONDS, self._accounts.update(self._key, change, now))
        except TimeIsUp as error:
            raise StoreError(
                f"The accounts of budgets did not answer within {_ANSWER_SECONDS:g} s.",
                guidance="Find out why the store of the budgets is slow or cannot be reached.",
            ) from error

    def release(self, wanted: Used) -> None:
        reserved = self._take(wanted)
        if reserved is None:  # Calls of tools, which limits per minute do not count.
            reserved = _Reserved(weighed(wanted, self._prices), self._period, _NO_TIME, wanted)
        self._corrections.append(_Correction(-reserved.foreseen, reserved.period, reserved.at))

    def settle(self, wanted: Used, used: Used) -> None:
        reserved = self._take(wanted)
        if reserved is None:
            return
        after = weighed(used, self._prices)
        foreseen = reserved.foreseen
        change = Spent(tokens=after.tokens - foreseen.tokens, picos=after.picos - foreseen.picos)
        if change != NOTHING_SPENT:
            self._corrections.append(_Correction(change, reserved.period, reserved.at))

    def _take(self, wanted: Used) -> _Reserved | None:
        for place, reserved in enumerate(self._reserved):
            if reserved.wanted is wanted:
                return self._reserved.pop(place)
        return None

    async def flush(self) -> None:
        corrections, self._corrections = self._corrections, []
        if not corrections:
            return
        try:
            await to_the_end(self._update(lambda found: _corrected(found, corrections), self._clock.now()))
        except asyncio.CancelledError:
            raise  # The update was usually carried out.
        except BaseException:
            self._corrections = corrections + self._corrections
            raise


def _corrected(account: Account, corrections: list[_Correction]) -> Account:
    for one in corrections:
        account = correct(account, one.change, one.period, one.at)
    return account


def _name(budget: TenantBudget, owner: Scope) -> str:
    """Return the name of the account. Users of different tenants may have the same id, but never share an account."""
    name = f"{budget.per}:{budget.period}"
    return f"{name}:{owner.tenant}" if budget.per == "user" and budget.tenant is not None and owner.tenant else name


def _shown(budget: TenantBudget, tenant: str, user: str) -> str:
    """Return the name of the budget for errors."""
    whose = f"user {user!r:.60}" if budget.per == "user" else f"tenant {tenant!r:.60}"
    return whose if budget.period == "ever" else f"{whose} in this {budget.period}"
