"""Reads the inbox of a run while the run goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

from lightagent.aiokits.abandon import stop
from lightagent.application.flow.active_flow import ActiveFlow, Report
from lightagent.application.flow.flow_log import StoredLog
from lightagent.application.flow.listeners import Listeners
from lightagent.domain.errors import StoreError

_PAUSE: Final = 0.5
"""Seconds between two polls for messages of other processes; those of this process are read at once."""


class Listening:
    """Reports the messages in its inbox to a run."""

    def __init__(self, flow: ActiveFlow, log: StoredLog) -> None:
        self._flow = flow
        self._log = log
        self._known = 0

    async def look(self) -> bool:
        """Report new messages; returns whether there were any."""
        said, heard = await self._log.unread()
        if not said or heard <= self._known:  # Without news, `heard` is the position before this process.
            return False
        self._known = heard
        self._flow.report(Report(said, heard=heard))
        return True

    async def listen(self, news: asyncio.Event) -> None:
        """Read the inbox whenever there may be news, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(_PAUSE):
                    await news.wait()
            news.clear()
            with suppress(StoreError):  # If it lasts, the run's own appends fail as well.
                await self.look()


@asynccontextmanager
async def listening(flow: ActiveFlow, log: StoredLog, listeners: Listeners) -> AsyncIterator[Listening]:
    """A context in which messages to the run are reported to it."""
    news, ears = asyncio.Event(), Listening(flow, log)
    listeners.listen(log.key, news.set)
    task = asyncio.create_task(ears.listen(news))
    try:
        yield ears
    finally:
        listeners.leave(log.key)
        await stop((task,))
