"""Where the sessions of a server live: in the loop of their one user, or once there are several, in a loop for all.

A session ends with its loop. So a caller never crosses into the loop of another user, which may end at any moment: with
the second loop the sessions move to the shared one, which ends with the program.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from lightagent.aiokits.shared_loop import across, is_shared, shared_loop

if TYPE_CHECKING:
    from lightagent.adapters.mcp.sdk.requests import Requests

T = TypeVar("T")


class Seat:
    """Serves any number of loops and threads at once.

    Args:
        make: makes the sessions of the running loop.
    """

    def __init__(self, make: Callable[[], Requests]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._core: Requests | None = None
        self._left: list[Requests] = []

    async def run(self, work: Callable[[Requests], Coroutine[object, object, T]]) -> T:
        """The result of `work`, done in the loop of the sessions."""
        from lightagent.adapters.mcp.sdk.core import Moved

        while True:
            core = await self._seated()
            try:
                return await across(core.loop, partial(work, core))
            except Moved:
                continue

    @property
    def busy(self) -> bool:
        """Whether a call is under way."""
        core = self._core
        return core is not None and core.busy

    async def close(self) -> None:
        """End all sessions, in all their loops; those of loops that do not run are killed."""
        with self._lock:
            cores = [core for core in (self._core, *self._left) if core is not None]
            self._core, self._left = None, []
        for core in cores:
            if core.loop.is_running():
                await across(core.loop, core.close)
            else:
                core.kill()

    def close_soon(self) -> None:
        """The same from a finalizer, in any thread: it waits for nothing, so it does not take the lock."""
        cores = [core for core in (self._core, *self._left) if core is not None]
        self._core, self._left = None, []
        for core in cores:
            try:
                asyncio.run_coroutine_threadsafe(core.close(), core.loop) if core.loop.is_running() else core.kill()
            except RuntimeError:  # The loop was closed meanwhile.
                core.kill()

    async def _seated(self) -> Requests:
        here = asyncio.get_running_loop()
        with self._lock:
            core = self._core
            if core is not None and (core.loop is here or is_shared(core.loop)):
                return core
            if core is None or core.loop.is_closed():
                if core is not None:
                    core.kill()
                self._core = self._make()
                return self._core
        return await self._move()

    async def _move(self) -> Requests:
        """Into the shared loop."""
        made = await across(shared_loop(), self._make_there)
        with self._lock:
            core = self._core
            if core is not None and core.loop is made.loop:
                return core  # Another caller was quicker; nothing is open in what was made.
            self._core = made
            if core is not None:
                self._left = [left for left in self._left if left.loop.is_running()]
                self._left.append(core)
        if core is not None:
            if core.loop.is_running():
                core.loop.call_soon_threadsafe(core.retire)
            else:
                core.kill()
        return made

    async def _make_there(self) -> Requests:
        return self._make()
