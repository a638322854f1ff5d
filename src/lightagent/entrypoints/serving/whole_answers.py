"""Execute runs whose answer is sent as a whole, not as a stream; a disconnect of the client may cancel them."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import Receive

from lightagent.domain.events import Event
from lightagent.entrypoints.serving.connections import CLIENT_LEFT, Watched
from lightagent.entrypoints.serving.served_run import ServedRun
from lightagent.settings.serve_schema import ServeSettings


async def play_whole(run: ServedRun, receive: Receive, settings: ServeSettings) -> Sequence[Event]:
    """Execute the run and return its events since the request; the last one is its end.

    Raises:
        LightAgentError: the run could not start, or could not be stored.
    """

    def left() -> None:
        if settings.on_disconnect == "cancel":
            run.cancel(CLIENT_LEFT)

    try:
        async with Watched(receive, left), run:
            return await run.steps.to_end()
    finally:
        run.forget()
