"""Execute runs for clients that may disconnect: notice it, and cancel the run if the settings say so."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType

from starlette.types import Receive

from lightagent.domain.runs.events import Event
from lightagent.entrypoints.serving.served_run import ServedRun
from lightagent.settings.sections.serve import ServeSettings

CLIENT_LEFT = "The client closed the connection."
"""The recorded reason of a run that was cancelled because its client disconnected."""


class Watched:
    """Context manager that calls `on_gone` when the client disconnects. The body of the request must have been read."""

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
        del self._task  # Breaks a reference cycle, which would keep the whole run alive until garbage collection.

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._on_gone()


async def play_whole(run: ServedRun, receive: Receive, settings: ServeSettings) -> Sequence[Event]:
    """Execute the run and return its events since the request; the last one is its end.

    Raises:
        LightAgentError: the run could not start, or could not be stored.
    """

    def on_gone() -> None:
        if settings.on_disconnect == "cancel":
            run.cancel(CLIENT_LEFT)

    try:
        async with Watched(receive, on_gone), run:
            return await run.steps.to_end()
    finally:
        run.forget()
