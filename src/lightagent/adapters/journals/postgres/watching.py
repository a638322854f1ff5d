"""Waits for new entries, for all readers of an event loop with one look at once.

Looking again was preferred to LISTEN and NOTIFY. A NOTIFY takes a lock of the whole server until the commit is on disk,
so that all appends would queue up behind each other; a LISTEN needs a connection of its own, and a transaction pooler
loses it. A look costs one statement however many wait, and and nothing if none do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

_PAUSE: Final = 0.05
"""Seconds between two looks."""

Look: TypeAlias = Callable[[Sequence[bytes]], Awaitable[dict[bytes, int]]]
"""Gives the last sequence of each stream that exists."""


@dataclass(eq=False, slots=True)
class _Reader:
    digest: bytes
    above: int
    told: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Watch:
    """The readers of one event loop that wait."""

    def __init__(self) -> None:
        self._readers: set[_Reader] = set()
        self._task: asyncio.Task[None] | None = None

    async def wait(self, digest: bytes, above: int, seconds: float, look: Look) -> None:
        """Return once the stream's last sequence is above `above`, or after `seconds`; raise what `look` raises."""
        self._readers.add(reader := _Reader(digest, above))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._look_again(look))
            self._task.add_done_callback(_retrieve)
        task = self._task
        try:
            await asyncio.wait([reader.told, task], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._readers.discard(reader)
        if task.done() and not task.cancelled():
            task.result()

    async def aclose(self) -> None:
        """End every wait."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _look_again(self, look: Look) -> None:
        while True:
            await asyncio.sleep(_PAUSE)
            if not self._readers:
                return
            heads = await look([*{reader.digest for reader in self._readers}])
            for reader in self._readers:
                if heads.get(reader.digest, 0) > reader.above and not reader.told.done():
                    reader.told.set_result(None)


def _retrieve(task: asyncio.Task[None]) -> None:
    """Where no reader is left, there is nothing to raise a failure in."""
    if not task.cancelled():
        task.exception()
