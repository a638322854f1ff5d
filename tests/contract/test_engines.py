"""The certificates of engines of flows: the one in this process, and one that is given nothing but data."""

from __future__ import annotations

from pathlib import Path

import pytest

from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore
from lightagent.adapters.system import RandomIds, SystemClock
from lightagent.application.flow.local_engine import LocalEngine
from lightagent.ports.flow_engine import FlowEngine
from lightagent.testing.contracts.flow_engine import FlowEngineContract
from tests.support.folding_engine import FoldingEngine


class TestLocalInMemory(FlowEngineContract):
    def make(self) -> FlowEngine:
        return LocalEngine(MemoryJournalStore(), SystemClock(), RandomIds())


class TestLocalInSqlite(FlowEngineContract):
    @pytest.fixture(autouse=True)
    def file(self, tmp_path: Path) -> None:
        self.path = str(tmp_path / "flows.db")

    def make(self) -> FlowEngine:
        return LocalEngine(SqliteJournalStore(self.path), SystemClock(), RandomIds())


class TestFolding(FlowEngineContract):
    """As an engine of many machines works, in short; `tests/heavy/test_engines_temporal.py` certifies one."""

    def make(self) -> FlowEngine:
        return FoldingEngine()
