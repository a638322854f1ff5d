"""What becomes of a run when its client goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType

from starlette.types import Receive

CLIENT_LEFT = "The client closed the connection."
"""The reason on the record of a run that ended so."""


class Watched:
    """Within it, `on_gone` is called once the client has closed the connection. The request must have been read."""

    __slots__ = ("_on_gone", "_receive", "_task")

    def __init__(self, receive: Receive, on_gone: Callable[[], None]) -> None:
        self._receive = receive
        self._on_gone = on_gone

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._watch())

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        del self._task  # Its end holds the frame that holds this: the whole run would wait for the garbage collector.

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._on_gone()
