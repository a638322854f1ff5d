"""Stores of flows, each opened anew as another process opens it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from lightagent import JournalStore, JsonLightFlowStore
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.adapters.journals.sqlite import SqliteJournalStore

KINDS = ("memory", "files", "sqlite")


def opener(kind: str, directory: Path) -> Callable[[], JournalStore]:
    """Opens a store of this kind once more each time; what is in memory has no other process."""
    if kind == "files":
        return partial(JsonLightFlowStore, directory / "runs")
    if kind == "sqlite":
        directory.mkdir(exist_ok=True)
        return lambda: SqliteJournalStore(directory / "runs.db")
    kept = MemoryJournalStore()
    return lambda: kept
