"""Hears what is said to a run while it goes on."""

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
"""Seconds between two looks for what another process said; what this one says is heard at once."""


@asynccontextmanager
async def listening(flow: ActiveFlow, log: StoredLog, listeners: Listeners) -> AsyncIterator[None]:
    """Within it, what is said to the run is reported to it."""
    news = asyncio.Event()
    listeners.listen(log.key, news.set)
    task = asyncio.create_task(_listen(flow, log, news))
    try:
        yield
    finally:
        listeners.leave(log.key)
        await stop((task,))


async def _listen(flow: ActiveFlow, log: StoredLog, news: asyncio.Event) -> None:
    known = 0
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(_PAUSE):
                await news.wait()
        news.clear()
        with suppress(StoreError):  # Where it lasts, the run's own appends fail as well.
            said, heard = await log.unheard()
            if heard > known:
                known = heard
                flow.report(Report(said, heard=heard))
