"""An agent whose model is in the same process and says what the fake model would: what is left is the server's part."""

import asyncio
import re
import time
from collections.abc import AsyncIterator

from starlette.types import ASGIApp

from lightagent import LightAgent, serve
from lightagent.domain.conversation.deltas import Delta, ReplyEnd, TextDelta
from lightagent.ports.models import ChatModel, ChatRequest
from lightagent.settings.sections.serve import ServeSettings


class StampedModel(ChatModel):
    """Says pieces that tell when each was said."""

    name = "stamped"

    def __init__(self, pieces: int, gap: float) -> None:
        self._pieces, self._gap = pieces, gap

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        for number in range(self._pieces):
            if number:
                await asyncio.sleep(self._gap)
            yield TextDelta(f"@{time.monotonic_ns()}@")
        yield ReplyEnd("stop")

    async def aclose(self) -> None:
        """Nothing is open."""


def application(url: str) -> ASGIApp:
    """Serves one agent; the address of the model says how many pieces it is to have, and how far apart."""
    told = {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", url)}
    model = StampedModel(told["chunks"], told.get("gap", 0) / 1000)
    return serve(LightAgent(name="helper", model=model), settings=ServeSettings(runs=2_000, runs_of_key=2_000))
