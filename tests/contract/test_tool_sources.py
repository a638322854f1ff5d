"""The certificates of the sources of tools."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightagent import (
    ApprovalRequiredTools,
    FilteredTools,
    ListedTools,
    PrefixedTools,
    RenamedTools,
    ToolLoader,
    ToolSource,
)
from lightagent.testing.contracts.tool_source import ToolSourceContract


def search(query: str) -> str:
    """Search."""
    return query


def buy(item: str, number: int = 1) -> str:
    """Buy."""
    return item * number


def shop() -> ListedTools:
    return ListedTools([search, buy], name="shop")


class TestListed(ToolSourceContract):
    def make(self) -> ToolSource[object]:
        return shop()


class TestPrefixed(ToolSourceContract):
    def make(self) -> ToolSource[object]:
        return PrefixedTools(shop(), "shop_")


class TestFiltered(ToolSourceContract):
    def make(self) -> ToolSource[object]:
        return FilteredTools(shop(), {"buy"})


class TestRenamed(ToolSourceContract):
    def make(self) -> ToolSource[object]:
        return RenamedTools(shop(), {"buy": "purchase"})


class TestApprovalRequired(ToolSourceContract):
    def make(self) -> ToolSource[object]:
        return ApprovalRequiredTools(PrefixedTools(shop(), "shop_"), ["shop_buy"])


class TestLoader(ToolSourceContract):
    @pytest.fixture(autouse=True)
    def directory(self, tmp_path: Path) -> None:
        (tmp_path / "add.py").write_text('def add(x: int) -> int:\n    """Add one."""\n    return x + 1\n')
        (tmp_path / "broken.py").write_text("1 / 0\n")
        self._directory = tmp_path

    def make(self) -> ToolSource[object]:
        return ToolLoader(self._directory)
