"""Writes that wait for one another: what comes meanwhile is written together, in one transaction.

Transactions of a collection take their turns on the server anyway, and each waits for its disk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from lightagent.aiokits.loop_locks import LoopLocks

ItemT = TypeVar("ItemT")


@dataclass(slots=True, eq=False)
class _Waiting(Generic[ItemT]):
    """What one caller writes.

    Attributes:
        alone: it was part of what failed, and is tried by itself, so that none fails for another.
        fault: why nothing can be written now.
    """

    items: Sequence[ItemT]
    alone: bool = False
    fault: Exception | None = None


class Together(Generic[ItemT]):
    """Writes what the tasks of an event loop bring, those that wait together.

    Args:
        write: writes items; writing some of them again changes nothing.
        most: how many are written at once, unless one caller alone brings more.
        concerns_all: whether an error has nothing to do with what is written. It ends all who were waiting, who would
            otherwise find out one after another.
    """

    def __init__(
        self,
        write: Callable[[Sequence[ItemT]], Awaitable[None]],
        most: int,
        concerns_all: Callable[[Exception], bool],
    ) -> None:
        self._write = write
        self._concerns_all = concerns_all
        self._most = most
        self._locks = LoopLocks()
        self._waiting: WeakKeyDictionary[asyncio.AbstractEventLoop, list[_Waiting[ItemT]]] = WeakKeyDictionary()

    async def write(self, items: Sequence[ItemT]) -> None:
        """Write the items; they are written when this returns, by this caller or by another."""
        waiting = self._waiting.setdefault(asyncio.get_running_loop(), [])
        own = _Waiting(items)
        waiting.append(own)
        try:
            async with self._locks.here():
                if own.fault is not None:
                    raise own.fault
                if own in waiting:
                    await self._write_some(waiting, own)
        finally:
            if own in waiting:
                waiting.remove(own)

    async def _write_some(self, waiting: list[_Waiting[ItemT]], own: _Waiting[ItemT]) -> None:
        """Write one caller's items, with those of others who wait as far as there is room."""
        chosen = self._chosen(waiting, own)
        try:
            await self._write([item for one in chosen for item in one.items])
        except Exception as error:
            if self._concerns_all(error):
                for one in waiting:
                    one.fault = error
                raise
            if len(chosen) == 1:
                raise
            for one in chosen:
                one.alone = True
            await self._write(own.items)
            return
        for one in chosen:
            if one in waiting:
                waiting.remove(one)

    def _chosen(self, waiting: list[_Waiting[ItemT]], own: _Waiting[ItemT]) -> list[_Waiting[ItemT]]:
        chosen, room = [own], self._most - len(own.items)
        for other in waiting:
            if not own.alone and other is not own and not other.alone and len(other.items) <= room:
                chosen.append(other)
                room -= len(other.items)
        return chosen
