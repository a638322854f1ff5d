"""An answer that breaks off is asked for again as long as nobody saw a part of it, streamed or not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

import pytest

from lightagent import ChatModel, ChatRequest, LightAgent, ProviderError
from lightagent.domain.conversation.deltas import (
    Delta,
    ReasoningDelta,
    RefusalDelta,
    ReplyEnd,
    TextDelta,
    ToolCallDelta,
)
from lightagent.domain.error_codes import ErrorCode
from tests.support.loop_clock import at_once

MODES = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
BEGUN = (ToolCallDelta(0, "a", "now"), ToolCallDelta(0, arguments="{"))


class BreaksOff(ChatModel):
    """Yields some deltas and breaks off; asked again, it answers."""

    def __init__(self, deltas: Sequence[Delta], fault: Exception | None) -> None:
        self.asked = 0
        self._deltas = deltas
        self._fault = fault

    @property
    def name(self) -> str:
        return "breaks-off"

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        self.asked += 1
        if self.asked > 1:
            yield TextDelta("Done.")
            yield ReplyEnd("stop")
            return
        for delta in self._deltas:
            yield delta
        if self._fault is not None:
            raise self._fault

    async def aclose(self) -> None:
        """Nothing is open."""


def fault(code: ErrorCode) -> ProviderError:
    error = ProviderError("It broke off.", code=code)
    error.retry_after = 0
    return error


async def ending(model: BreaksOff, *, stream: bool) -> str | None:
    agent = LightAgent(model=model)
    if stream:
        async for _ in agent.astream("Hi", result_format="event", max_retry=2):
            pass
    else:
        await agent.arun("Hi", result_format="object", max_retry=2)
    journal = agent.export_journal()
    assert journal is not None
    return agent.replay(journal).content


@MODES
@pytest.mark.parametrize("deltas", [(), BEGUN[:1], BEGUN, (*BEGUN, ToolCallDelta(1, "b", "now", "{}"))])
@pytest.mark.parametrize("code", ["LA-408", "LA-429", "LA-500", "LA-503"])
async def test_what_nobody_saw_is_asked_for_again(deltas: tuple[Delta, ...], code: ErrorCode, stream: bool) -> None:
    model = BreaksOff(deltas, fault(code))
    assert (await at_once(ending(model, stream=stream)), model.asked) == ("Done.", 2)


@pytest.mark.parametrize("delta", [TextDelta("Half"), RefusalDelta("I"), ReasoningDelta("hm")])
async def test_what_somebody_saw_is_not(delta: Delta) -> None:
    model = BreaksOff((*BEGUN, delta, *BEGUN), fault("LA-503"))
    await at_once(ending(model, stream=True))
    assert model.asked == 1
    model = BreaksOff((*BEGUN, delta, *BEGUN), fault("LA-503"))
    assert (await at_once(ending(model, stream=False)), model.asked) == ("Done.", 2)
