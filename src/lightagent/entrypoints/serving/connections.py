"""What becomes of a run when its client goes away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from starlette.types import Receive

CLIENT_LEFT = "The client closed the connection."
"""The reason on the record of a run that ended so."""


@asynccontextmanager
async def watched(receive: Receive, on_gone: Callable[[], None]) -> AsyncGenerator[None]:
    """Within it, `on_gone` is called once the client has closed the connection. The request must have been read."""
    task = asyncio.create_task(_watch(receive, on_gone))
    try:
        yield
    finally:
        task.cancel()


async def _watch(receive: Receive, on_gone: Callable[[], None]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    on_gone()
