"""One client for each event loop, closed when the loop ends or when its owner is collected.

A client's connections belong to the loop that made them, while the object that needs a client may serve any number of
loops, one after another (`asyncio.run` twice) or at once (a loop a thread). A loop that ends properly closes the
asynchronous generators that were begun in it; so each client is kept by such a generator, and `aclose` is optional.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import Generic, TypeVar

ClientT = TypeVar("ClientT")


class PerLoop(Generic[ClientT]):
    """The clients, by event loop.

    Args:
        make: makes a client for the running loop. Like `close` it should not refer to the owner of this object:
            without such a circle a forgotten owner is noticed at once.
        close: closes a client, in its loop; or in another if its own has died without closing anything.
    """

    __slots__ = ("__weakref__", "_close", "_kept", "_lock", "_make")

    def __init__(self, make: Callable[[], ClientT], close: Callable[[ClientT], Awaitable[None]]) -> None:
        self._make = make
        self._close = close
        self._lock = threading.Lock()
        self._kept: dict[asyncio.AbstractEventLoop, _OpenClient[ClientT]] = {}

    async def get(self) -> ClientT:
        """The running loop's client."""
        loop = asyncio.get_running_loop()
        with self._lock:
            kept = self._kept.get(loop)
        if kept is not None:
            return kept.client
        # Nothing is awaited until it is stored, so that no other task of this loop creates a second one.
        kept = _OpenClient(self._make(), self._close, loop)
        await kept.begin(self)
        with self._lock:
            self._kept[loop] = kept
        await self._close_dead()
        return kept.client

    async def aclose(self) -> None:
        """Close the running loop's client, and those of loops that were closed."""
        if (kept := self.forget(asyncio.get_running_loop())) is not None:
            await kept.aclose()
        await self._close_dead()

    def forget(self, loop: asyncio.AbstractEventLoop) -> _OpenClient[ClientT] | None:
        """Remove the client of `loop` and return it; the caller must close it."""
        with self._lock:
            return self._kept.pop(loop, None)

    async def _close_dead(self) -> None:
        with self._lock:
            dead = [loop for loop in self._kept if loop.is_closed()]
            left = [self._kept.pop(loop) for loop in dead]
        for kept in left:
            await kept.close_dead()


class _OpenClient(Generic[ClientT]):
    """A client, its loop, and the generator whose end is the client's end."""

    def __init__(
        self, client: ClientT, close: Callable[[ClientT], Awaitable[None]], loop: asyncio.AbstractEventLoop
    ) -> None:
        self.client = client
        self.loop = loop
        self._close = close
        self._keeper: AsyncGenerator[None, None] | None = None
        self._when_forgotten: weakref.finalize[[], PerLoop[ClientT]] | None = None

    async def begin(self, owner: PerLoop[ClientT]) -> None:
        """Tie the lifetime of the client to its loop and its owner."""
        _OPEN.add(self)
        self._when_forgotten = weakref.finalize(owner, self._close_soon)
        self._when_forgotten.atexit = False
        self._keeper = self._keep(weakref.ref(owner))
        await anext(self._keeper)

    async def aclose(self) -> None:
        """Close the client, in its loop."""
        if self._keeper is not None:
            await self._keeper.aclose()

    async def close_dead(self) -> None:
        """Close the client of a dead loop, as far as possible: it can still mark itself as closed."""
        self._let_go()
        with suppress(RuntimeError):  # "Event loop is closed": then so are its sockets
            await self._close(self.client)

    def _close_soon(self) -> None:
        """Called when the owner was collected, in any thread."""
        try:
            self.loop.call_soon_threadsafe(self._start_closing)
        except RuntimeError:  # the loop was closed meanwhile
            self._let_go()

    def _start_closing(self) -> None:
        # If the loop ends before the task starts, the shutdown of the loop closes the generator.
        _CLOSING.add(task := self.loop.create_task(self.aclose()))
        task.add_done_callback(_CLOSING.discard)

    async def _keep(self, owner: weakref.ref[PerLoop[ClientT]]) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self._let_go()
            if (pool := owner()) is not None:
                pool.forget(self.loop)
            await self._close(self.client)

    def _let_go(self) -> None:
        _OPEN.discard(self)
        if self._when_forgotten is not None:
            self._when_forgotten.detach()


# What is open, of all owners. A generator without a reference would be taken from its loop's list by the garbage
# collector and closed by a task, which a loop that is about to end cancels half-way.
_OPEN: set[object] = set()
_CLOSING: set[asyncio.Task[None]] = set()
