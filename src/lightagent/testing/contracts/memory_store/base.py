"""The store under test, and what the tests of all its sides share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final, Protocol, TypeVar

import pytest

from lightagent.adapters.registry import open_adapter
from lightagent.domain.json_types import JsonValue
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.ports.memory import MemoryFeature, MemoryStore, OwnerSelection

T = TypeVar("T")

PATIENCE: Final = 60.0
"""Seconds after which something will never happen."""

NOW: Final = 1_000_000.0
"""The time at which the tests search."""

ANN: Final = MemoryOwner("bank", "acme", "ann")
BOB: Final = MemoryOwner("bank", "acme", "bob")
EVERYBODY: Final = OwnerSelection()
ANYTHING: Final = RecallFilter(NOW, with_internal=True)


class StoreUnderTest:
    """The store that is tested, and how it is opened."""

    kind: ClassVar[str]
    """The adapter's kind, as settings name it."""

    durable: ClassVar[bool] = True
    """Whether another object that is opened with the same options finds what this one acknowledged."""

    crowd: ClassVar[int] = 2000
    """How many memories of others stand beside the few of one owner."""

    steps: ClassVar[int] = 300
    """How many operations of random owners are compared with what they should come to."""

    def prepare(self, place: Path) -> Mapping[str, object]:
        """The options with which the adapter opens an empty store; the same place is the same store."""
        raise NotImplementedError(f"{type(self).__name__}.prepare({place})")

    def open(self, place: Path) -> MemoryStore:
        """The adapter under test, opened by its kind."""
        store = open_adapter("memory", self.kind, self.prepare(place))
        assert isinstance(store, MemoryStore)
        return store

    @pytest.fixture
    def play(self, tmp_path: Path) -> Play:
        """Runs a coroutine function with an empty store, in a loop of its own, and closes the store."""

        def played(story: Callable[[MemoryStore], Coroutine[object, object, T]], *needs: MemoryFeature) -> T:
            return asyncio.run(with_store(self.open(tmp_path), story, *needs))

        return played


class Play(Protocol):
    """Runs a story with an empty store."""

    def __call__(self, story: Callable[[MemoryStore], Coroutine[object, object, T]], /, *needs: MemoryFeature) -> T:
        """What the story returns.

        Args:
            needs: what the store has to support; the test is skipped where it does not.
        """
        ...


async def with_store(
    store: MemoryStore, story: Callable[[MemoryStore], Coroutine[object, object, T]], *needs: MemoryFeature
) -> T:
    """What comes of the story; the store is closed afterwards."""
    try:
        missing = frozenset(needs) - store.supports
        if missing:
            pytest.skip(f"the store does not support: {', '.join(sorted(missing))}")
        return await story(store)
    finally:
        await store.aclose()


def memory(
    name: str, text: str, owner: MemoryOwner = ANN, metadata: Mapping[str, JsonValue] | None = None, at: float = 1.0
) -> MemoryRecord:
    """A record of Ann's, unless it says otherwise."""
    return MemoryRecord(name, owner, text, dict(metadata or {"source": "user", "scope": "user"}), at)


async def recalled(
    store: MemoryStore, query: str, owner: MemoryOwner = ANN, wanted: RecallFilter = ANYTHING, limit: int = 5
) -> list[str]:
    """The texts that a search finds, the best first; each is that of a record of this owner."""
    found = await store.recall(owner, query, limit, wanted)
    assert len(found) <= limit
    assert all(one.fields.get("user_id") == owner.user_id for one in found)
    return [one.text for one in found]


async def read_all(
    store: MemoryStore, selection: OwnerSelection = EVERYBODY, page: int = 100
) -> Sequence[MemoryRecord]:
    """All records of some owners, page by page."""
    found: list[MemoryRecord] = []
    cursor: str | None = None
    while True:
        answer = await store.read(selection, page, cursor)
        assert len(answer.records) <= page
        found += answer.records
        cursor = answer.cursor
        if cursor is None:
            return found
