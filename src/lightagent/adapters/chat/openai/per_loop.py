"""One client for each event loop, closed when the loop ends.

A client's connections belong to the loop that made them, while a model serves any number of loops, one after another
(`asyncio.run` twice) or at once (a loop a thread). A loop that ends properly closes the asynchronous generators which
were begun in it; so each client is held by such a generator, and nobody has to remember `aclose`. The same way a client
is closed when the model that owns it is forgotten.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary, ref

ClientT = TypeVar("ClientT")


@dataclass(frozen=True, slots=True)
class _Held(Generic[ClientT]):
    client: ClientT
    keeper: AsyncGenerator[ClientT, None]


class PerLoop(Generic[ClientT]):
    """The clients, by event loop.

    Args:
        make: makes a client for the running loop. Like the others it should not refer to the owner of this object:
            without a cycle, a forgotten model closes its connections at once.
        close: closes it, in its loop; or in another if its own has died without closing anything.
    """

    __slots__ = ("__weakref__", "_close", "_held", "_lock", "_make")

    def __init__(self, make: Callable[[], ClientT], close: Callable[[ClientT], Awaitable[None]]) -> None:
        self._make = make
        self._close = close
        self._lock = threading.Lock()
        self._held: WeakKeyDictionary[asyncio.AbstractEventLoop, _Held[ClientT]] = WeakKeyDictionary()

    async def get(self) -> ClientT:
        """The running loop's client."""
        loop = asyncio.get_running_loop()
        with self._lock:
            held = self._held.get(loop)
        if held is not None:
            return held.client
        # Nothing here waits, so no other task of this loop comes in between.
        client = self._make()
        keeper = _keep(ref(self), client, self._close)
        await anext(keeper)
        with self._lock:
            self._held[loop] = _Held(client, keeper)
        await self._close_dead()
        return client

    async def aclose(self) -> None:
        """Close the running loop's client, and forget those of loops that are no more."""
        await self._close_dead()
        if (held := self.take(asyncio.get_running_loop())) is not None:
            await held.keeper.aclose()

    def take(self, loop: asyncio.AbstractEventLoop) -> _Held[ClientT] | None:
        """Forget the client of `loop`: whoever takes it closes it."""
        with self._lock:
            return self._held.pop(loop, None)

    async def _close_dead(self) -> None:
        with self._lock:
            dead = [loop for loop in self._held if loop.is_closed()]
            held = [self._held.pop(loop) for loop in dead]
        for each in held:
            with suppress(RuntimeError):  # "Event loop is closed": its sockets are as well, then
                await self._close(each.client)


async def _keep(
    owner: ref[PerLoop[ClientT]], client: ClientT, close: Callable[[ClientT], Awaitable[None]]
) -> AsyncGenerator[ClientT, None]:
    try:
        yield client
    finally:
        # The client knows its loop: while it is held, the loop would live on as well.
        if (pool := owner()) is not None:
            pool.take(asyncio.get_running_loop())
        await close(client)
