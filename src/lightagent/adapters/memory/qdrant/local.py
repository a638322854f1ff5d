"""The local mode of qdrant-client: a folder or the process's own memory, searched without an index.

Its methods are coroutines that never wait and hold up whoever calls them. So they are carried out in a thread that owns
the client, one after another. A folder takes one client, so all memories of a process that name it share one.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from sqlite3 import Error as DatabaseError
from typing import Final, TypeVar

from qdrant_client import AsyncQdrantClient

from lightagent.adapters.memory._space import Space
from lightagent.adapters.memory.qdrant import calls
from lightagent.adapters.memory.qdrant.conditions import Conditions
from lightagent.adapters.memory.qdrant.engine import Engine
from lightagent.adapters.memory.qdrant.pickles import check_pickles
from lightagent.adapters.memory.qdrant.points import Point, Question
from lightagent.aiokits.job_thread import JobThread
from lightagent.domain.errors import StoreError

T = TypeVar("T")

_OPENING_SECONDS: Final = 30.0
"""How long a client waits until the one before it, of the same folder and process, is closed."""

Work = Callable[[AsyncQdrantClient], Coroutine[object, object, T]]


class LocalEngine(Engine):
    """A collection in a folder, or in the process's own memory.

    Args:
        path: the folder, which is made where there is none; None: the process's own memory.
    """

    def __init__(self, path: Path | None, collection: str) -> None:
        self._collection = collection
        self._place = _Memory() if path is None else _folder(path)

    async def prepare(self, space: Space) -> None:
        # Local mode has no index of a payload, and warns where one is asked for.
        await self._do(lambda client: calls.prepare(client, self._collection, space, indexed=False))

    async def insert(self, points: Sequence[Point]) -> None:
        await self._do(lambda client: calls.insert(client, self._collection, points))

    async def nearest(self, question: Question) -> list[Mapping[str, object]]:
        return await self._do(lambda client: calls.nearest(client, self._collection, question))

    async def page(self, wanted: Conditions, limit: int) -> list[tuple[str, Mapping[str, object]]]:
        return await self._do(lambda client: calls.page(client, self._collection, wanted, limit))

    async def remove(self, wanted: Conditions) -> int:
        return await self._do(lambda client: calls.remove(client, self._collection, wanted))

    async def aclose(self) -> None:
        await self._place.leave(self)

    async def _do(self, work: Work[T]) -> T:
        self._place.users.add(self)
        return await self._place.thread.run(lambda client: _carried_out(work(client)))


class _Memory:
    """A client without a folder; what it holds stays as long as this object."""

    def __init__(self) -> None:
        self.users: weakref.WeakSet[LocalEngine] = weakref.WeakSet()
        client = AsyncQdrantClient(":memory:")
        # Where the interpreter ends before, its destructor finds modules gone and complains.
        weakref.finalize(self, lambda: _carried_out(client.close()))
        self.thread = JobThread("lightagent-qdrant", lambda: client, lambda _: None, lambda _: nullcontext())

    async def leave(self, user: LocalEngine) -> None:
        """End the thread; the memories stay."""
        self.users.discard(user)
        await self.thread.aclose()


class _Folder:
    """A folder and its one client, which is closed when nobody uses it."""

    def __init__(self, path: Path) -> None:
        self.users: weakref.WeakSet[LocalEngine] = weakref.WeakSet()
        taken = threading.Lock()
        self.thread = JobThread(
            "lightagent-qdrant", partial(_open, path, taken), partial(_close, taken), lambda _: nullcontext()
        )

    async def leave(self, user: LocalEngine) -> None:
        """Close the client if no other memory uses it."""
        self.users.discard(user)
        if not self.users:
            await self.thread.aclose()


_folders: weakref.WeakValueDictionary[Path, _Folder] = weakref.WeakValueDictionary()
_folders_lock: Final = threading.Lock()


def _folder(path: Path) -> _Folder:
    place = path.resolve()
    with _folders_lock:
        found = _folders.get(place)
        if found is None:
            found = _folders[place] = _Folder(place)
        return found


def _open(path: Path, taken: threading.Lock) -> AsyncQdrantClient:
    if not taken.acquire(timeout=_OPENING_SECONDS):
        raise _in_use(path)
    try:
        check_pickles(path)
        return AsyncQdrantClient(path=str(path), force_disable_check_same_thread=True)
    except RuntimeError as exc:
        taken.release()
        raise _in_use(path) from exc
    except (OSError, DatabaseError, ValueError, KeyError) as exc:
        taken.release()
        raise StoreError(
            f"The Qdrant folder {path} cannot be opened: {type(exc).__name__}: {exc}",
            guidance="Check that it may be read and written, and restore it from a backup if it is damaged.",
        ) from exc
    except BaseException:
        taken.release()
        raise


def _close(taken: threading.Lock, client: AsyncQdrantClient) -> None:
    try:
        _carried_out(client.close())
    finally:
        taken.release()


def _in_use(path: Path) -> StoreError:
    return StoreError(
        f"The Qdrant folder {path} is in use by another process.",
        guidance="A folder takes one process at a time. Close the other one, or use a Qdrant server.",
        retryable=True,
    )


def _carried_out(work: Coroutine[object, object, T]) -> T:
    """What a coroutine returns that never waits."""
    try:
        work.send(None)
    except StopIteration as ended:
        result: T = ended.value
        return result
    except (OSError, DatabaseError) as exc:
        raise StoreError(
            f"The Qdrant folder could not be read or written: {type(exc).__name__}: {exc}",
            guidance="Check that there is room on the disk and that it may be written.",
        ) from exc
    work.close()
    raise StoreError("The local mode of qdrant-client waited for something.", guidance="Report it with its version.")
