"""The local mode of qdrant-client: a folder or the process's own memory, searched without an index.

Its methods are coroutines that never wait and block their caller. So they are carried out in the thread of
their folder.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from sqlite3 import Error as DatabaseError
from typing import Final, TypeVar

from qdrant_client import AsyncQdrantClient

from lightagent.adapters.memory._space import Space
from lightagent.adapters.memory.qdrant import calls, collection_calls
from lightagent.adapters.memory.qdrant.conditions import Conditions
from lightagent.adapters.memory.qdrant.engine import Engine
from lightagent.adapters.memory.qdrant.folders import Folder, Folders, in_use
from lightagent.adapters.memory.qdrant.pickles import check_pickles
from lightagent.adapters.memory.qdrant.points import Point, Question
from lightagent.domain.errors import LightAgentError, StoreError

T = TypeVar("T")


class LocalEngine(Engine):
    """A collection in a folder, or in the process's own memory.

    Args:
        path: the folder, which is created if it does not exist; None to keep everything in memory.
    """

    def __init__(self, path: Path | None, collection: str) -> None:
        self._collection = collection
        self._folder = _memory() if path is None else _FOLDERS.at(path)

    async def prepare(self, space: Space) -> None:
        # Local mode has no index of a payload, and warns where one is asked for.
        await self._do(lambda client: collection_calls.prepare(client, self._collection, space, indexed=False))

    async def check(self, space: Space) -> None:
        await self._do(lambda client: collection_calls.check(client, self._collection, space))

    async def insert(self, points: Sequence[Point]) -> None:
        await self._do(lambda client: calls.insert(client, self._collection, points))

    async def bring_over(self, space: Space) -> None:
        await self._do(lambda client: collection_calls.bring_over(client, self._collection, space, indexed=False))

    async def renew(self, points: Sequence[Point]) -> None:
        await self._do(lambda client: calls.renew(client, self._collection, points))

    async def nearest(self, question: Question) -> list[Mapping[str, object]]:
        return await self._do(lambda client: calls.nearest(client, self._collection, question))

    async def page(self, wanted: Conditions, limit: int) -> list[tuple[str, Mapping[str, object]]]:
        return await self._do(lambda client: calls.page(client, self._collection, wanted, limit))

    async def last(self) -> int:
        return await self._do(lambda client: calls.last(client, self._collection))

    async def end(self, ends: Mapping[str, float | None]) -> None:
        await self._do(lambda client: calls.end(client, self._collection, ends))

    async def remove(self, wanted: Conditions) -> int:
        return await self._do(lambda client: calls.remove(client, self._collection, wanted))

    async def aclose(self) -> None:
        await self._folder.leave(self)

    async def _do(self, work: Callable[[AsyncQdrantClient], Coroutine[object, object, T]]) -> T:
        return await self._folder.run(self, lambda client: _carried_out(work(client)))


def _memory() -> Folder[AsyncQdrantClient]:
    """What stands for a folder; its memories stay as long as it does."""
    client = AsyncQdrantClient(":memory:")
    folder = Folder(lambda: client, lambda _: None)
    # Where the interpreter ends before, its destructor finds modules gone and complains.
    weakref.finalize(folder, partial(_close, client))
    return folder


def _open(path: Path) -> AsyncQdrantClient:
    try:
        check_pickles(path)
        return AsyncQdrantClient(path=str(path), force_disable_check_same_thread=True)
    except RuntimeError as exc:
        raise in_use(path) from exc
    except (OSError, DatabaseError, ValueError, KeyError) as exc:
        raise StoreError(
            f"The Qdrant folder {path} cannot be opened: {type(exc).__name__}: {exc}",
            guidance="Check that it may be read and written, and restore it from a backup if it is damaged.",
        ) from exc


def _close(client: AsyncQdrantClient) -> None:
    _carried_out(client.close())


def _carried_out(work: Coroutine[object, object, T]) -> T:
    """What a coroutine returns that never waits."""
    try:
        work.send(None)
    except StopIteration as ended:
        result: T = ended.value
        return result
    except LightAgentError:
        raise
    except (OSError, DatabaseError, ValueError) as exc:
        raise StoreError(
            f"The Qdrant folder could not be read or written: {type(exc).__name__}: {exc}",
            guidance="Check that there is room on the disk and that it may be written.",
        ) from exc
    work.close()
    raise StoreError("The local mode of qdrant-client waited for something.", guidance="Report it with its version.")


_FOLDERS: Final = Folders(_open, _close)
