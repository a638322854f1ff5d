"""Holds the lease of a stream for as long as a run needs it, and renews it meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from lightagent.aiokits.abandon import to_the_end
from lightagent.domain.errors import LeaseHeld, StoreError
from lightagent.domain.journal_streams import StreamKey
from lightagent.ports.journals import JournalStore

SECONDS: Final = 6.0
"""How long a lease lasts that is not renewed: after a crash the next writer waits no longer."""

_PAUSE: Final = 0.1
"""Seconds between two attempts at a lease that somebody holds."""


class HeldLease:
    """The lease of one stream.

    Args:
        holder: what others are told who wait for it.
    """

    def __init__(self, store: JournalStore, key: StreamKey, holder: str) -> None:
        self._store = store
        self._key = key
        self._holder = holder
        self._renewal: asyncio.Task[None] | None = None
        self.token: int | None = None

    async def acquire(self, wait: float) -> None:
        """Take the lease.

        Args:
            wait: seconds to wait for whoever holds it.

        Raises:
            LeaseHeld: they still hold it.
        """
        loop = asyncio.get_running_loop()
        end = loop.time() + wait
        while True:
            try:
                await to_the_end(self._take())
                return
            except LeaseHeld:
                if loop.time() >= end:
                    raise
                await asyncio.sleep(min(_PAUSE, max(end - loop.time(), 0.0)))

    async def _take(self) -> None:
        lease = await self._store.lease(self._key, self._holder, SECONDS)
        self.token = lease.token
        self._renewal = asyncio.create_task(self._renew(lease.token))

    async def release(self) -> None:
        """Give the lease back; one that was lost meanwhile is somebody else's, and stays theirs."""
        token, self.token = self.token, None
        if self._renewal is not None:
            self._renewal.cancel()
            with suppress(asyncio.CancelledError):
                await self._renewal
        if token is not None:
            with suppress(StoreError):  # Then it ends by itself.
                await self._store.lease(self._key, self._holder, 0, token)

    async def _renew(self, token: int) -> None:
        """A lease that cannot be renewed is told by the next append, which is refused."""
        while True:
            await asyncio.sleep(SECONDS / 3)
            with suppress(StoreError):
                await self._store.lease(self._key, self._holder, SECONDS, token)
