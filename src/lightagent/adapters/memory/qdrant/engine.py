"""What carries out the deeds of a memory in Qdrant: a server, the client's local mode, or the edge engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from lightagent.adapters.memory._space import Space
from lightagent.adapters.memory.qdrant.conditions import Conditions
from lightagent.adapters.memory.qdrant.points import Point, Question


class Engine(Protocol):
    """One collection. Serves any number of tasks, threads and event loops; each deed raises `StoreError`."""

    async def prepare(self, space: Space) -> None:
        """Make the collection, or see whether it is one that vectors of this space may be kept in."""
        ...

    async def check(self, space: Space) -> None:
        """Raise `ConfigurationError` unless the vectors that are kept are of this space."""
        ...

    async def insert(self, points: Sequence[Point]) -> None:
        """Write those points that are not there."""
        ...

    async def bring_over(self, space: Space) -> None:
        """Make room for vectors of this space, and remove those of another; without a collection, make one."""
        ...

    async def renew(self, points: Sequence[Point]) -> None:
        """Replace the vectors of points that are there."""
        ...

    async def nearest(self, question: Question) -> list[Mapping[str, object]]:
        """The payloads of the points that fit best, the best first."""
        ...

    async def page(self, wanted: Conditions, limit: int) -> list[tuple[str, Mapping[str, object]]]:
        """The ids and payloads of points, in the order in which they were written."""
        ...

    async def last(self) -> int:
        """Return the highest place of a point in the order of writing; 0 without points."""
        ...

    async def end(self, ends: Mapping[str, float | None]) -> None:
        """Write down when points end, by their ids; None: they do not. One that is not there is left out."""
        ...

    async def remove(self, wanted: Conditions) -> int:
        """Remove points; how many there were."""
        ...

    async def aclose(self) -> None:
        """Give back what is open; a later deed opens it again."""
        ...
