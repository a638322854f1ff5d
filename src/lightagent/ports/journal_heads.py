"""The port to where the ends of sealed streams are kept: somewhere else than the streams."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol, runtime_checkable

from lightagent.domain.journals.heads import StreamHead


@runtime_checkable
class JournalHeads(Protocol):
    """Keeps the head of each stream of one store under a mark. What was replaced survives the process.

    One object serves any number of tasks, threads and event loops. Its errors are `StoreError`s.
    """

    async def find(self, mark: str) -> StreamHead | None:
        """The head under a mark, if there is one.

        Raises:
            DamagedStream: it cannot be read.
        """
        ...

    async def replace(self, mark: str, old: StreamHead | None, new: StreamHead) -> bool:
        """Keep `new` if `old` is what is kept, and whether it was: of many who replace the same, one succeeds."""
        ...

    def known(self) -> AsyncIterator[StreamHead | str]:
        """All heads, in any order; a text for one that cannot be read."""
        ...

    async def aclose(self) -> None:
        """Close what is open; a later call opens it again."""
        ...
