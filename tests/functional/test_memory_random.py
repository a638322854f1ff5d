"""Random owners with names that look alike write, search, read and forget; no step ever shows what is another's.

Hypothesis makes the histories, and shrinks one that fails. `TEST_GENERATED_RUNS` makes more of them: 5000 come to
100,000 steps on each store.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule, run_state_machine_as_test

from lightagent.adapters.embedding.hashing import HashingEmbedder
from lightagent.adapters.memory.process import InProcessMemory
from lightagent.adapters.memory.sqlite import SqliteMemory
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.ports.memory import MemoryStore, OwnerSelection
from lightagent.testing.contracts.memory_store.base import ANYTHING, memory, read_all, recalled
from lightagent.testing.contracts.memory_store.owners import PARTS, WORDS

T = TypeVar("T")
RUNS = max(5, int(os.environ.get("TEST_GENERATED_RUNS", "0")) // 2)
STEPS = 40

STORES: dict[str, Callable[[Path], MemoryStore]] = {
    "process": lambda place: InProcessMemory(),
    "sqlite": lambda place: SqliteMemory(place / "memory.db", synchronous="normal"),
    "sqlite with vectors": lambda place: SqliteMemory(
        place / "memory.db", synchronous="normal", embedder=HashingEmbedder(16)
    ),
}

parts = st.one_of(st.sampled_from(PARTS), st.text(":%_ab\x00\u0430", max_size=4))
owners = st.builds(MemoryOwner, parts, st.sampled_from(("", "a")), parts, st.sampled_from(("", ":")), st.just(""))
ids = st.sampled_from(("m1", "m2", "m3", ":", "a"))
texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)


class Histories(RuleBasedStateMachine):
    """What a store does beside what it should come to."""

    open_store: Callable[[Path], MemoryStore]

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.loop = asyncio.Runner()
        self.store = type(self).open_store(Path(self.place.name))
        self.known: dict[tuple[MemoryOwner, str], MemoryRecord] = {}

    def run(self, work: Coroutine[object, object, T]) -> T:
        """What a call of the store returns."""
        return self.loop.run(work)

    @rule(owner=owners, name=ids, text=texts)
    def write(self, owner: MemoryOwner, name: str, text: str) -> None:
        record = memory(name, text, owner, at=float(len(self.known)))
        self.run(self.store.write([record]))
        self.known.setdefault((owner, name), record)

    @rule(owner=owners, query=texts)
    def recall(self, owner: MemoryOwner, query: str) -> None:
        self._search(owner, query)

    @rule(query=texts, place=st.integers(0, 100))
    def recall_of_somebody_known(self, query: str, place: int) -> None:
        if self.known:
            known = [owner for owner, _ in self.known]
            self._search(known[place % len(known)], query)

    @rule(owner=owners, shown=st.tuples(*[st.booleans()] * 5))
    def read(self, owner: MemoryOwner, shown: tuple[bool, ...]) -> None:
        selection = _selection(owner, shown)
        wanted = [record for record in self.known.values() if selection.holds(record.owner)]
        assert list(self.run(read_all(self.store, selection, page=3))) == wanted

    @rule(owner=owners, shown=st.tuples(*[st.booleans()] * 5), names=st.none() | st.lists(ids, max_size=2))
    def forget(self, owner: MemoryOwner, shown: tuple[bool, ...], names: list[str] | None) -> None:
        selection = _selection(owner, shown)
        gone = [key for key in self.known if selection.holds(key[0]) and (names is None or key[1] in names)]
        assert self.run(self.store.forget(selection, names)) == len(gone)
        for key in gone:
            del self.known[key]

    def _search(self, owner: MemoryOwner, query: str) -> None:
        own = [record.text for (whose, _), record in self.known.items() if whose == owner]
        found = self.run(recalled(self.store, query, owner, ANYTHING, 20))
        assert set(found) <= set(own)
        assert set(found) >= {text for text in own if set(query.split()) & set(text.split())}

    def teardown(self) -> None:
        self.run(self.store.aclose())
        self.loop.close()
        self.place.cleanup()


def _selection(owner: MemoryOwner, shown: tuple[bool, ...]) -> OwnerSelection:
    return OwnerSelection(*(part if show else None for part, show in zip(owner.parts, shown, strict=True)))


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", STORES)
def test_no_history_shows_what_is_anothers(kind: str) -> None:
    machine = type("Machine", (Histories,), {"open_store": staticmethod(STORES[kind])})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=RUNS, stateful_step_count=STEPS, deadline=None, suppress_health_check=[HealthCheck.too_slow]
        ),
    )
