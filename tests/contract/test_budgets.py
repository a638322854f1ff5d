"""The certificates of the places where accounts of budgets are kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from lightagent.testing.contracts.budget_accounts import BudgetAccountsContract


class TestMemory(BudgetAccountsContract):
    kind = "memory"


class TestJournalInMemory(BudgetAccountsContract):
    kind = "journal"

    def prepare(self) -> Mapping[str, object]:
        return {"store": {"kind": "memory"}}


class TestJournalInFiles(BudgetAccountsContract):
    kind = "journal"

    @pytest.fixture(autouse=True)
    def directory(self, tmp_path: Path) -> None:
        self.path = str(tmp_path / "budgets")

    def prepare(self) -> Mapping[str, object]:
        return {"store": {"kind": "files", "directory": self.path}}


class TestJournalInSqlite(BudgetAccountsContract):
    kind = "journal"

    @pytest.fixture(autouse=True)
    def file(self, tmp_path: Path) -> None:
        self.path = str(tmp_path / "budgets.db")

    def prepare(self) -> Mapping[str, object]:
        return {"store": {"kind": "sqlite", "path": self.path}}


class TestJournalSealed(BudgetAccountsContract):
    kind = "journal"

    def prepare(self) -> Mapping[str, object]:
        return {"store": {"kind": "sealed", "name": "budgets", "keys": {"a": "k" * 43}, "store": {"kind": "memory"}}}
