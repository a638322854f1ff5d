"""The port to rankers: what says which of many tools fit a text best."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from lightagent.domain.tools.ranking import RankedTool
from lightagent.domain.tools.spec import ToolSpec


@runtime_checkable
class ToolRanker(Protocol):
    """Ranks tools. Serves any number of runs at once, from any event loop, and never blocks the loop for long.

    A selection asks all its rankers and fuses their rankings (`lightagent.domain.tools.ranking.fuse`). An error of one
    is recorded, and the selection goes on with the others.
    """

    @property
    def name(self) -> str:
        """Names the ranker on record, such as ``lexical``."""
        ...

    async def rank(self, query: str, tools: tuple[ToolSpec, ...], limit: int) -> Sequence[RankedTool]:
        """The tools that fit best, the best first and `limit` at most; tools that do not fit at all are left out.

        Args:
            query: the text of a user or of a model, of any length.
            tools: among which to choose. The same object as long as they have not changed, and a declaration is the
                same object as long as that one has not: a ranker keeps what it worked out of them by that.
        """
        ...
