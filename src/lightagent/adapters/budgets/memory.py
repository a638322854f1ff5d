"""Budget accounts in memory, for one process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict

from lightagent.adapters.registry import Adapter
from lightagent.domain.budgets.accounts import EMPTY, Account, AccountKey
from lightagent.ports.budgets import BudgetAccounts


class MemoryBudgetAccounts(BudgetAccounts):
    """Keeps accounts as long as the object lives."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accounts: dict[AccountKey, Account] = {}

    async def find(self, key: AccountKey) -> Account:
        with self._lock:
            return self._accounts.get(key, EMPTY)

    async def update(self, key: AccountKey, change: Callable[[Account], Account | None], at: float) -> None:
        with self._lock:
            changed = change(self._accounts.get(key, EMPTY))
            if changed is not None:
                self._accounts[key] = changed

    async def aclose(self) -> None:
        """There is nothing to close. The accounts stay."""


SHARED_ACCOUNTS: Final = MemoryBudgetAccounts()
"""The accounts of the process, for budgets of tenants without a store: tenants outlive their agents."""


class MemoryOptions(BaseModel):
    """The kind `memory` has no options."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


ADAPTER = Adapter(MemoryOptions, lambda options: MemoryBudgetAccounts())
