"""The port to how content is kept: encrypted, for instance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from lightagent.domain.journals.streams import Draft, Entry, StreamKey


@runtime_checkable
class ContentCodec(Protocol):
    """Turns the content of entries into what a store keeps of it, which is JSON text as well, and back.

    One object serves any number of tasks, threads and event loops.
    """

    async def encode(self, key: StreamKey, first: int, drafts: Sequence[Draft]) -> list[Draft]:
        """The drafts as they are kept, of which the first will have the sequence `first`."""
        ...

    async def decode(self, key: StreamKey, entries: Sequence[Entry]) -> list[Entry]:
        """The entries as they were written.

        Raises:
            TamperedStream: one was changed or moved, or was not written by this codec.
            ContentKeyError: the key of one is missing.
        """
        ...
