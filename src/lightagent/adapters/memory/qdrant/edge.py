"""The engine of the Qdrant server in this process (qdrant-edge-py): indexes, no server, one process a folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeVar

from lightagent.adapters.memory._space import Space
from lightagent.adapters.memory.qdrant import edge_calls, edge_folder
from lightagent.adapters.memory.qdrant.conditions import Conditions
from lightagent.adapters.memory.qdrant.edge_folder import Shard, translate_errors
from lightagent.adapters.memory.qdrant.engine import Engine
from lightagent.adapters.memory.qdrant.folders import Folders
from lightagent.adapters.memory.qdrant.points import Point, Question

T = TypeVar("T")


class EdgeEngine(Engine):
    """A collection in a folder."""

    def __init__(self, path: Path, collection: str) -> None:
        self._folder = _FOLDERS.at(path / collection)

    async def prepare(self, space: Space) -> None:
        await self._do(lambda shard: edge_folder.prepare(shard, space))

    async def check(self, space: Space) -> None:
        await self._do(lambda shard: edge_folder.check(shard, space))

    async def insert(self, points: Sequence[Point]) -> None:
        await self._do(lambda shard: edge_calls.insert(shard, points))

    async def bring_over(self, space: Space) -> None:
        await self._do(lambda shard: edge_folder.bring_over(shard, space))

    async def renew(self, points: Sequence[Point]) -> None:
        await self._do(lambda shard: edge_calls.renew(shard, points))

    async def nearest(self, question: Question) -> list[Mapping[str, object]]:
        return await self._do(lambda shard: edge_calls.nearest(shard, question))

    async def page(self, wanted: Conditions, limit: int) -> list[tuple[str, Mapping[str, object]]]:
        return await self._do(lambda shard: edge_calls.page(shard, wanted, limit))

    async def last(self) -> int:
        return await self._do(edge_calls.last)

    async def end(self, ends: Mapping[str, float | None]) -> None:
        await self._do(lambda shard: edge_calls.end(shard, ends))

    async def remove(self, wanted: Conditions) -> int:
        return await self._do(lambda shard: edge_calls.remove(shard, wanted))

    async def aclose(self) -> None:
        await self._folder.leave(self)

    async def _do(self, work: Callable[[Shard], T]) -> T:
        def carried_out(shard: Shard) -> T:
            with translate_errors(shard.place):
                return work(shard)

        return await self._folder.run(self, carried_out)


_FOLDERS: Final = Folders(edge_folder.open_shard, edge_folder.close_shard, edge_folder.on_disk)
