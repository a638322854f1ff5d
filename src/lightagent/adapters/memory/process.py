"""Memories in this process: for tests, for trying things out, and for what need not survive it."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from lightagent.adapters.memory._limits import countable
from lightagent.adapters.registry import Adapter
from lightagent.adapters.stemming import english_stemmer
from lightagent.domain.errors import StoreError
from lightagent.domain.memory.recall_filter import RecallFilter, RecordFacts, facts_of
from lightagent.domain.memory.records import FoundMemory, MemoryOwner, MemoryRecord
from lightagent.domain.memory.validity import ends_of, version_of
from lightagent.domain.text.search import TextIndex, WeighedTerms, WeightedText, memory_terms, weigh
from lightagent.ports.memory import ALL_FEATURES, MemoryFeature, MemoryPage, MemoryStore, OwnerSelection


@dataclass(frozen=True, slots=True)
class _StoredRecord:
    number: int
    record: MemoryRecord
    facts: RecordFacts
    terms: WeighedTerms


@dataclass(slots=True)
class _Shelf:
    """The memories of one owner, an index of them until the next one is written, and when others took their place."""

    kept: list[_StoredRecord] = field(default_factory=list)
    index: TextIndex | None = None
    ends: Mapping[str, float] = field(default_factory=dict)

    def indexed(self) -> TextIndex:
        if self.index is None:
            self.index = TextIndex([one.terms for one in self.kept])
            records = (one.record for one in self.kept)
            self.ends = ends_of(version_of(one.memory_id, one.metadata, one.written_at) for one in records)
        return self.index


class InProcessMemory(MemoryStore):
    """Keeps memories as long as the object lives, each owner's by themselves, and finds them by their words (BM25)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stem = english_stemmer()
        self._shelves: dict[MemoryOwner, _Shelf] = {}
        self._ids: set[tuple[MemoryOwner, str]] = set()
        self._written = 0

    def _terms(self, text: str) -> list[str]:
        return memory_terms(text, self._stem)

    @property
    def name(self) -> str:
        return "process"

    @property
    def supports(self) -> frozenset[MemoryFeature]:
        return ALL_FEATURES

    async def write(self, records: Sequence[MemoryRecord]) -> None:
        with self._lock:
            for record in records:
                name = (record.owner, record.memory_id)
                if name in self._ids:
                    continue
                self._ids.add(name)
                self._written += 1
                terms = weigh([WeightedText(record.text, 1.0)], self._terms)
                shelf = self._shelves.setdefault(record.owner, _Shelf())
                shelf.kept.append(_StoredRecord(self._written, record, facts_of(record), terms))
                shelf.index = None

    async def recall(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> Sequence[FoundMemory]:
        terms = self._terms(query)
        with self._lock:
            shelf = self._shelves.get(owner)
            if shelf is None:
                return []
            kept, index, ends = tuple(shelf.kept), shelf.indexed(), shelf.ends
        ranked = (kept[match.place] for match in index.rank(terms, len(kept)))
        fitting = (one.record for one in ranked if wanted.fits(_ended(one, ends), one.record.metadata))
        return [record.found() for record, _ in zip(fitting, range(limit), strict=False)]

    async def read(self, selection: OwnerSelection, limit: int, cursor: str | None = None) -> MemoryPage:
        if cursor is not None and not (cursor.isascii() and cursor.isdecimal() and len(cursor) < 19):
            raise StoreError("The cursor is not one of this store's.", guidance="Pass the cursor of the page before.")
        after = int(cursor or 0)
        with self._lock:
            chosen = [shelf for owner, shelf in self._shelves.items() if selection.holds(owner)]
            found = sorted((one for shelf in chosen for one in shelf.kept if one.number > after), key=_number)
        if (limit := countable(limit)) == 0:
            return MemoryPage(())
        page = found[:limit]
        return MemoryPage(tuple(one.record for one in page), str(page[-1].number) if len(found) > limit else None)

    async def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None = None) -> int:
        ids = None if memory_ids is None else frozenset(memory_ids)
        with self._lock:
            return sum(self._forget(owner, ids) for owner in list(self._shelves) if selection.holds(owner))

    def _forget(self, owner: MemoryOwner, ids: frozenset[str] | None) -> int:
        shelf = self._shelves[owner]
        gone = {one.record.memory_id for one in shelf.kept if ids is None or one.record.memory_id in ids}
        self._ids -= {(owner, name) for name in gone}
        shelf.kept = [one for one in shelf.kept if one.record.memory_id not in gone]
        shelf.index = None
        if not shelf.kept:
            del self._shelves[owner]
        return len(gone)

    async def aclose(self) -> None:
        """Nothing is open, and what is remembered stays."""


def _ended(kept: _StoredRecord, ends: Mapping[str, float]) -> RecordFacts:
    """The facts of a record, with the time at which another took its place."""
    return kept.facts.superseded_at(ends.get(kept.record.memory_id))


def _number(kept: _StoredRecord) -> int:
    return kept.number


class ProcessOptions(BaseModel):
    """It has none."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")


ADAPTER = Adapter(ProcessOptions, lambda options: InProcessMemory())
