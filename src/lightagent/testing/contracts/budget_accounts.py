"""The contract suite of the port `BudgetAccounts`: subclass it with a `kind`, and pytest certifies the adapter."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import ClassVar

import pytest

from lightagent.adapters.registry import open_adapter
from lightagent.domain.budgets.accounts import EMPTY, Account, AccountKey, Slot
from lightagent.domain.budgets.budget import Spent
from lightagent.domain.scopes import Scope
from lightagent.ports.budgets import BudgetAccounts

KEY = AccountKey(Scope("acme"), "tenant:day")
OTHERS = (
    AccountKey(Scope("acme", "ann"), "tenant:day"),
    AccountKey(Scope("acme"), "tenant:ever"),
    AccountKey(Scope("", "acme"), "tenant:day"),
    AccountKey(Scope("acme/ann\n\x00"), "ü"),
)
FULL = Account(
    "2026-11-29",
    Spent(12, 3, 10**15, 10**30 + 1),
    tuple(Slot(1_764_000_000.25 + second, second, 10**9 + second) for second in range(60)),
)
NOW = 1_764_000_000.5


class BudgetAccountsContract:
    """What every keeper of accounts promises.

    Attributes:
        kind: as the registry knows it.
    """

    kind: ClassVar[str]

    def prepare(self) -> Mapping[str, object]:
        """The options with which the adapter is opened."""
        return {}

    def open(self) -> BudgetAccounts:
        """The adapter under test, opened by its kind."""
        accounts = open_adapter("budgets", self.kind, self.prepare())
        assert isinstance(accounts, BudgetAccounts)
        return accounts

    async def test_an_account_that_was_never_used_is_empty(self) -> None:
        accounts = self.open()
        assert await accounts.find(KEY) == EMPTY
        await accounts.aclose()

    async def test_what_a_change_gives_is_kept_word_for_word(self) -> None:
        accounts = self.open()
        await accounts.update(KEY, lambda found: FULL if found == EMPTY else None, NOW)
        assert await accounts.find(KEY) == FULL
        await accounts.update(KEY, lambda found: replace(found, slots=()), NOW)
        assert await accounts.find(KEY) == replace(FULL, slots=())
        await accounts.aclose()

    async def test_a_change_that_gives_none_or_raises_leaves_the_account_as_it_is(self) -> None:
        accounts = self.open()
        await accounts.update(KEY, lambda found: FULL, NOW)
        await accounts.update(KEY, lambda found: None, NOW)
        with pytest.raises(ZeroDivisionError):
            await accounts.update(KEY, _raise, NOW)
        assert await accounts.find(KEY) == FULL
        await accounts.update(KEY, _one_more, NOW)  # The error left no lock behind.
        await accounts.aclose()

    async def test_accounts_of_other_keys_are_others(self) -> None:
        accounts = self.open()
        await accounts.update(KEY, lambda found: FULL, NOW)
        for count, key in enumerate(OTHERS, 1):
            assert await accounts.find(key) == EMPTY
            await accounts.update(key, _sets(count), NOW)
        assert [(await accounts.find(key)).spent.model_calls for key in OTHERS] == [1, 2, 3, 4]
        assert await accounts.find(KEY) == FULL
        await accounts.aclose()

    async def test_of_many_changes_at_once_none_is_lost_and_none_goes_beyond_its_bound(self) -> None:
        accounts = self.open()
        taken: list[bool] = []

        async def take() -> None:
            answer: list[bool] = []

            def change(found: Account) -> Account | None:
                answer[:] = [found.spent.model_calls < 150]
                return _one_more(found) if answer[0] else None

            await accounts.update(KEY, change, NOW)
            taken.extend(answer)

        await asyncio.gather(*(take() for _ in range(200)))
        assert (taken.count(True), taken.count(False)) == (150, 50)
        assert (await accounts.find(KEY)).spent.model_calls == 150
        await accounts.aclose()

    def test_threads_with_event_loops_of_their_own_share_the_accounts(self) -> None:
        accounts = self.open()

        async def take() -> None:
            for _ in range(20):
                await accounts.update(KEY, _one_more, NOW)

        threads = [threading.Thread(target=lambda: asyncio.run(take())) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(50)

        async def read() -> int:
            found = await accounts.find(KEY)
            await accounts.aclose()
            return found.spent.model_calls

        assert asyncio.run(read()) == 60

    async def test_it_can_be_used_again_after_it_was_closed(self) -> None:
        accounts = self.open()
        await accounts.aclose()
        await accounts.update(KEY, _one_more, NOW)
        assert (await accounts.find(KEY)).spent.model_calls == 1
        await accounts.aclose()


def _one_more(found: Account) -> Account:
    return replace(found, spent=found.spent + Spent(model_calls=1))


def _sets(count: int) -> Callable[[Account], Account]:
    return lambda found: replace(found, spent=Spent(model_calls=count))


def _raise(found: Account) -> Account:
    raise ZeroDivisionError
