"""A journal store that fails at one append."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.domain.errors import StoreError
from lightagent.domain.journals.streams import Draft, StreamKey


class FailingStore(MemoryJournalStore):
    """Refuses one append, by its number; where `wrote`, what it refused was written all the same."""

    def __init__(self, place: int, *, wrote: bool = False) -> None:
        super().__init__()
        self.place = place
        self.wrote = wrote
        self.appends = 0

    async def append(
        self,
        key: StreamKey,
        drafts: Sequence[Draft],
        *,
        expected: int,
        at: float,
        labels: Mapping[str, str] | None = None,
        token: int | None = None,
        seal: str = "",
        replacing: str | None = None,
    ) -> int:
        self.appends += 1
        fails = self.appends == self.place
        if fails and not self.wrote:
            raise StoreError("no space left")
        head = await super().append(
            key, drafts, expected=expected, at=at, labels=labels, token=token, seal=seal, replacing=replacing
        )
        if fails:
            raise StoreError("the answer was lost")
        return head
