"""The port to what keeps memories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, Protocol, TypeAlias, runtime_checkable

from lightagent.domain.memory_records import FoundMemory, MemoryOwner, MemoryRecord
from lightagent.domain.recall_filter import RecallFilter
from lightagent.ports.journals import JournalStore

MemoryFeature: TypeAlias = Literal["read", "forget", "filter", "ids"]
"""What a store can do besides writing and recalling.

``read`` lists what it holds, ``forget`` removes it, ``filter`` searches only what a filter lets through, and with
``ids`` writing the same record again changes nothing.
"""

ALL_FEATURES: Final[frozenset[MemoryFeature]] = frozenset({"read", "forget", "filter", "ids"})


@dataclass(frozen=True, slots=True)
class OwnerSelection:
    """Whose memories are meant: those of all owners that have these parts. None leaves a part open.

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
        """The one owner that is meant; None where a part is left open, so that there may be several."""
        given = [part for part in self.parts if part is not None]
        return MemoryOwner(*given) if len(given) == len(self.parts) else None

    def holds(self, owner: MemoryOwner) -> bool:
        """Whether an owner is meant."""
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
"""What a hybrid search consists of: the words of the query, its vector, and what it is about."""


@dataclass(frozen=True, slots=True)
class FailedPart:
    """A part of a search that failed, while others found what they could.

    Attributes:
        part: which one.
        kind: the sort of error, such as ``ProviderError``; its words may quote texts.
    """

    part: SearchPart
    kind: str


class PartlyFound(list[FoundMemory]):
    """What a search found of which a part failed: what the other parts found, best first.

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
    """What was found, with the parts of the search that failed, if any did."""
    return PartlyFound(found, failed) if failed else found


@runtime_checkable
class MemoryStore(Protocol):
    """Keeps memories and finds them again. Serves any number of runs at once, from any thread and event loop."""

    @property
    def name(self) -> str:
        """Names the store on record."""
        ...

    @property
    def supports(self) -> frozenset[MemoryFeature]:
        """What it can do besides writing and recalling."""
        ...

    async def write(self, records: Sequence[MemoryRecord]) -> None:
        """Keep records; they are durable when this returns. One whose owner has one of its id already
        changes nothing.

        Raises:
            StoreError: they could not be written.
        """
        ...

    async def recall(self, owner: MemoryOwner, query: str, limit: int, wanted: RecallFilter) -> Sequence[FoundMemory]:
        """The records of exactly this owner that say most about the query, best first; at most `limit`. Where a part of
        the search failed and the others did not, it gives a `PartlyFound`.

        Raises:
            StoreError: it could not be searched.
        """
        ...

    async def read(self, selection: OwnerSelection, limit: int, cursor: str | None = None) -> MemoryPage:
        """The records of these owners, page by page; at most `limit`, and none where that is below 1.

        Raises:
            StoreError: they could not be read, or the cursor is not one of this store's.
        """
        ...

    async def forget(self, selection: OwnerSelection, memory_ids: Sequence[str] | None = None) -> int:
        """Remove the records of these owners, or those of these ids among them, for good; how many there were.

        Raises:
            StoreError: they could not be removed.
        """
        ...

    async def aclose(self) -> None:
        """Give back what is open."""
        ...


@runtime_checkable
class CheckedStore(Protocol):
    """A store that refuses to give memories which are not what was written."""

    def unchecked(self) -> MemoryStore:
        """All memories as they are now, also those that it refuses: to judge, count or remove them.

        It is closed with this store.
        """
        ...


@runtime_checkable
class ReindexedStore(Protocol):
    """A store whose index can be made anew, such as for another embedder."""

    async def reindex(self) -> int:
        """Make the terms and vectors anew by which memories are found; how many there are.

        What filters look at stays as it was written.

        Raises:
            StoreError: the store could not be read or written.
            ProviderError: the embedder failed.
        """
        ...


@runtime_checkable
class RecordedStore(Protocol):
    """A store that can put on record what it writes and removes, so that what others do behind its back is known."""

    @property
    def is_recorded(self) -> bool:
        """Whether a journal store was given to it."""
        ...

    def record_in(self, journal: JournalStore) -> None:
        """Put each write and removal on record from now on, in streams of this store, which is closed with it."""
        ...
