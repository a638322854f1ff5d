"""The port to tokenizers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable


@runtime_checkable
class TokenCounter(Protocol):
    """Counts tokens. Serves any number of runs at once, from any event loop."""

    @property
    def name(self) -> str:
        """Names the counter on record."""
        ...

    async def count(self, texts: Sequence[str]) -> Sequence[int]:
        """The tokens of each text, in their order; none is below 0.

        A run asks once for each message. What this raises is on record, and the run goes on with an estimate.
        """
        ...
