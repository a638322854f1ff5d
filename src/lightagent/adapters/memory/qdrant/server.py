"""A collection of a Qdrant server: a client for each event loop, and all deeds by REST."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

from qdrant_client import AsyncQdrantClient

from lightagent.adapters.memory._space import Space
from lightagent.adapters.memory.qdrant import calls, collection_calls
from lightagent.adapters.memory.qdrant.conditions import Conditions
from lightagent.adapters.memory.qdrant.engine import Engine
from lightagent.adapters.memory.qdrant.faults import translate_errors
from lightagent.adapters.memory.qdrant.points import Point, Question
from lightagent.aiokits.per_loop import PerLoop
from lightagent.domain.secrets.masking import Mask

T = TypeVar("T")


class ServerEngine(Engine):
    """Talks to the server.

    Args:
        url: ``http://host:6333`` or ``https://…``.
        api_key: empty if the server does not require one.
        timeout: seconds that an answer may take.
    """

    def __init__(self, url: str, api_key: str, collection: str, timeout: float) -> None:
        self._collection = collection
        self._mask = Mask([api_key] if api_key else [])
        self._place = f"Qdrant at {shown(url)}"
        # Whether the versions of client and server go together would be asked here, and hold up the event loop.
        self._clients = PerLoop(
            lambda: AsyncQdrantClient(
                url=url, api_key=api_key or None, timeout=math.ceil(timeout), check_compatibility=False
            ),
            _close,
        )

    async def prepare(self, space: Space) -> None:
        await self._do(lambda client: collection_calls.prepare(client, self._collection, space))

    async def check(self, space: Space) -> None:
        await self._do(lambda client: collection_calls.check(client, self._collection, space))

    async def insert(self, points: Sequence[Point]) -> None:
        await self._do(lambda client: calls.insert(client, self._collection, points))

    async def bring_over(self, space: Space) -> None:
        await self._do(lambda client: collection_calls.bring_over(client, self._collection, space))

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
        await self._clients.aclose()

    async def _do(self, work: Callable[[AsyncQdrantClient], Awaitable[T]]) -> T:
        client = await self._clients.get()
        with translate_errors(self._place, self._mask):
            return await work(client)


async def _close(client: AsyncQdrantClient) -> None:
    await client.close()


def shown(url: str) -> str:
    """The host and port of a URL, without what may be secret in it."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2] or "an unnamed host"
