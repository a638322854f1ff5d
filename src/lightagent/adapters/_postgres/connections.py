"""The connections of one event loop: those that are free are used again, and a new one is made where none is.

psycopg_pool was tried first. It makes connections in tasks of its own, which pause 1, 2, 4 … seconds between attempts
and keep to themselves why one failed: after a restart of the server all callers went on waiting, without a reason
given. Here the caller that needs a connection makes it, and so learns at once what is wrong; nothing runs in between.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Final

from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

_LONGEST_LIFE: Final = 3600.0
"""Seconds after which a connection is replaced: behind a name that changes its meaning the new server is found."""
_LONGEST_IDLE: Final = 600.0
"""Seconds after which one that is not needed is closed, when another comes back."""


class AllInUse(Exception):
    """All connections were in use for as long as somebody waited for one."""


@dataclass(slots=True)
class _IdleConnection:
    connection: AsyncConnection[TupleRow]
    made: float
    used: float


class Connections:
    """At most `most` connections at once.

    Args:
        connect: makes one.
        most: how many there are at most; later callers wait for one, in order.
    """

    def __init__(self, connect: Callable[[], Awaitable[AsyncConnection[TupleRow]]], most: int) -> None:
        self._connect = connect
        self._places = asyncio.Semaphore(most)
        self._free: deque[_IdleConnection] = deque()
        self._closed = False

    @asynccontextmanager
    async def one(self, patience: float) -> AsyncGenerator[AsyncConnection[TupleRow], None]:
        """A connection. It may have been lost since it was last used; then it is not given again.

        What `connect` raises is raised where a new one cannot be made.

        Raises:
            AllInUse: all were in use for `patience` seconds.
        """
        try:
            async with asyncio.timeout(patience):
                await self._places.acquire()
        except TimeoutError:
            raise AllInUse from None
        try:
            kept = self._free.pop() if self._free else _IdleConnection(await self._connect(), monotonic(), 0.0)
            try:
                yield kept.connection
            finally:
                await self._take_back(kept)
        finally:
            self._places.release()

    async def aclose(self) -> None:
        """Close those that are free now, and each of the others when it comes back."""
        self._closed = True
        await self._close_free(lambda _: True)

    async def _take_back(self, kept: _IdleConnection) -> None:
        kept.used = monotonic()
        status = kept.connection.info.transaction_status
        if status == TransactionStatus.UNKNOWN:  # It was lost, and so most likely were those that are free.
            await self._close_free(lambda _: True)
        if status != TransactionStatus.IDLE or self._closed or kept.used - kept.made > _LONGEST_LIFE:
            await kept.connection.close()
        else:
            self._free.append(kept)
        await self._close_free(lambda one: kept.used - one.used > _LONGEST_IDLE)

    async def _close_free(self, condition: Callable[[_IdleConnection], bool]) -> None:
        """Close free connections from the one that was used the longest ago, as long as they fulfil a condition."""
        while self._free and condition(self._free[0]):
            await self._free.popleft().connection.close()
