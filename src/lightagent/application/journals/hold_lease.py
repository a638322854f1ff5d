"""Holds the lease of a stream for as long as a run needs it, and renews it meanwhile."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from lightagent.aiokits.abandon import to_the_end
from lightagent.domain.errors import LeaseHeld, StoreError
from lightagent.domain.journals.streams import StreamKey
from lightagent.ports.journals import JournalStore

SECONDS: Final = 6.0
"""How long a lease lasts without a renewal, and so how long the next writer waits after a crash."""

_PAUSE: Final = 0.1
"""Seconds between two attempts at a lease that somebody holds."""


class HeldLease:
    """The lease of one stream.

    Args:
        holder: the name that is shown to other writers.
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
            wait: seconds to wait for the present holder.

        Raises:
            LeaseHeld: it is still held by then.
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
        """Release the lease. If it was lost meanwhile, its new holder is not affected."""
        token, self.token = self.token, None
        try:
            if self._renewal is not None:
                self._renewal.cancel()
                await asyncio.wait((self._renewal,))  # Unlike awaiting it, this tells when the caller is cancelled.
        finally:
            if token is not None:
                with suppress(StoreError):  # Then it ends by itself.
                    await self._store.lease(self._key, self._holder, 0, token)

    async def _renew(self, token: int) -> None:
        """Renew until cancelled. A renewal that fails shows at the next append, which the store refuses."""
        while True:
            await asyncio.sleep(SECONDS / 3)
            with suppress(StoreError):
                await self._store.lease(self._key, self._holder, SECONDS, token)
