"""The port to stores of memories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias, runtime_checkable

from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import FoundMemory, MemoryOwner, MemoryRecord
from lightagent.ports.journals import JournalStore

MemoryFeature: TypeAlias = Literal["read", "forget", "filter", "ids"]
"""What a store can do besides writing and recalling.

``read`` lists what it holds, ``forget`` removes it, ``filter`` searches only what a filter lets through, and with
``ids`` writing the same record again changes nothing.
"""

ALL_FEATURES: Final[frozenset[MemoryFeature]] = frozenset({"read", "forget", "filter", "ids"})


@dataclass(frozen=True, slots=True)
class OwnerSelection:
    """Selects the memories of all owners that have these parts. None matches any value.

    Attributes:
        namespace, tenant, user, session, agent: as in `MemoryOwner`.
    """

    namespace: str | None = None
    tenant: str | None = None
    user: str | None = None
    session: str | None = None
    agent: str | None = None

    @property
    def parts(self) -> tuple[str | None, str | None, str | None, str | None, str | None]:
        """All parts, in the order above."""
        return (self.namespace, self.tenant, self.user, self.session, self.agent)

    @property
    def only_owner(self) -> MemoryOwner | None:
        """The single selected owner; None if a part is open, so that the selection may match several."""
        given = [part for part in self.parts if part is not None]
        return MemoryOwner(*given) if len(given) == len(self.parts) else None

    def holds(self, owner: MemoryOwner) -> bool:
        """Whether an owner is selected."""
        return all(part is None or part == own for part, own in zip(self.parts, owner.parts, strict=True))


@dataclass(frozen=True, slots=True)
class MemoryPage:
    """Some of the records of a store.

    Attributes:
        records: in the order in which they were written.
        cursor: where the next page begins; None on the last page.
    """

    records: tuple[MemoryRecord, ...]
    cursor: str | None = None

    @property
    def next(self) -> str:
        """The cursor in the form that `all_pages` takes: empty on the last page."""
        return self.cursor or ""


SearchPart: TypeAlias = Literal["words", "meaning", "graph"]
"""The parts of a hybrid search: the words of the query, its vector, and its entities."""


@dataclass(frozen=True, slots=True)
class FailedPart:
    """A part of a search that failed, while other parts succeeded.

    Attributes:
        part: the part that failed.
        kind: the class of the error, such as ``ProviderError``; not its message, which may quote texts.
    """

    part: SearchPart
    kind: str


class PartlyFound(list[FoundMemory]):
    """The results of a search of which a part failed: what the other parts found, best first.

    Attributes:
        failed: the parts that failed.
    """

    __slots__ = ("failed",)

    def __init__(self, found: Iterable[FoundMemory], failed: Iterable[FailedPart]) -> None:
        super().__init__(found)
        self.failed: Final = tuple(failed)


def failed_parts(found: Sequence[FoundMemory]) -> tuple[FailedPart, ...]:
    """The parts of a search that failed."""
    return found.failed if isinstance(found, PartlyFound) else ()


def with_failed(found: Sequence[FoundMemory], failed: Sequence[FailedPart]) -> Sequence[FoundMemory]:
    """Return the results, with the parts of the search that failed, if any did."""
    return PartlyFound(found, failed) if failed else found


@runtime_checkable
class MemoryStore(Protocol):
    """Keeps memories and finds them again. Serves any number of runs at once, from any thread and event loop."""

    @property
    def name(self) -> str:
        """The name of the store in the record."""
        ...

    @property
    def supports(self) -> frozenset[MemoryFeature]:
        """The capabilities of the store besides writing and recalling."""
        ...

    async def write(self, records: Sequence[MemoryRecord]) -> None:
        """Store records; they are durable when this returns. A record whose owner already has one with its id
        is ignored.

        Raises:
            StoreError: they could not be written.
        """
        ...

    async def recall(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> Sequence[FoundMemory]:
        """Return at most `limit` records of exactly this owner that match the query best, best first. If only a part of
        the search failed, the result is a `PartlyFound`.

        Raises:
            StoreError: it could not be searched.
        """
        ...

    async def read(self, selection: OwnerSelection, limit: int, cursor: str | None = None) -> MemoryPage:
        """Return a page of the records of these owners: at most `limit`, and none if that is below 1.

        Raises:
            StoreError: they could not be read, or the cursor is not one of this store's.
        """
        ...

    async def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None = None) -> int:
        """Permanently remove the records of these owners, or only those with these ids; returns their number.

        Raises:
            StoreError: they could not be removed.
        """
        ...

    async def aclose(self) -> None:
        """Release all resources."""
        ...


@runtime_checkable
class CheckedStore(Protocol):
    """A store that refuses to return memories that were changed after they were written."""

    def unchecked(self) -> MemoryStore:
        """The store beneath, with all memories, also those that this one refuses: to check, count or remove them.

        It is closed with this store.
        """
        ...


@runtime_checkable
class ReindexedStore(Protocol):
    """A store whose index can be rebuilt, such as for another embedder."""

    async def reindex(self) -> int:
        """Rebuild the terms and vectors by which memories are found; returns the number of memories.

        The fields that filters use are not changed.

        Raises:
            StoreError: the store could not be read or written.
            ProviderError: the embedder failed.
        """
        ...


@runtime_checkable
class RecordedStore(Protocol):
    """A store that can record what it writes and removes, so that changes by other means can be detected."""

    @property
    def is_recorded(self) -> bool:
        """Whether it has a journal store."""
        ...

    def record_in(self, journal: JournalStore) -> None:
        """Record each write and removal from now on, in streams of the given journal store, which is closed with it."""
        ...
