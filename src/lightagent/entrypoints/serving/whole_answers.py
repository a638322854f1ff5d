"""A run whose answer is sent as a whole; it ends, too, when its client goes away."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import Receive

from lightagent.domain.events import Event
from lightagent.entrypoints.serving.connections import CLIENT_LEFT, Watched
from lightagent.entrypoints.serving.served_run import ServedRun
from lightagent.settings.serve_schema import ServeSettings


async def play_whole(run: ServedRun, receive: Receive, settings: ServeSettings) -> Sequence[Event]:
    """Carry the run out; what happened since the request, its end last.

    Raises:
        LightAgentError: the run could not begin, or could not be kept.
    """

    def left() -> None:
        if settings.on_disconnect == "cancel":
            run.cancel(CLIENT_LEFT)

    try:
        async with Watched(receive, left), run:
            return await run.steps.to_end()
    finally:
        run.forget()
