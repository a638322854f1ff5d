"""Deadlines of a run: a slow consumer is no slow model, what came is kept, nobody waits for what is too late."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from lightagent import ChatModel, ChatRequest, Delta, LightAgent, Limits, ProviderError, ReplyEnd, RunResult, TextDelta
from lightagent.domain.runs.events import ModelFailed
from lightagent.testing import ScriptedModel, call_tool
from tests.support.loop_clock import jumping

MODES = pytest.mark.parametrize("stream", [False, True], ids=["plain", "streamed"])
LIMITS = [Limits(model_timeout=0.3), Limits(timeout=0.3)]
WHICH = pytest.mark.parametrize("limits", LIMITS, ids=["model_timeout", "timeout"])
ENDS = [(LIMITS[0], "LA-408"), (LIMITS[1], "LA-BUDGET")]


class Told(ChatModel):
    """Yields what it was told, after a pause each, and ends as it was told to: at once, or never."""

    def __init__(self, *items: Delta, pause: float = 0, hangs: bool = False) -> None:
        self._items = items
        self._pause = pause
        self._hangs = hangs
        self.asked = 0

    @property
    def name(self) -> str:
        return "told"

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        self.asked += 1
        for item in self._items:
            await asyncio.sleep(self._pause)
            yield item
        if self._hangs:
            await asyncio.sleep(60)

    async def aclose(self) -> None:
        """Nothing is open."""


async def play(agent: LightAgent[None, str], *, stream: bool, hold: float = 0) -> RunResult[str]:
    """A run; streamed, each of its events is held a while."""
    if not stream:
        return await agent.arun("?", result_format="object")
    async for _ in agent.astream("?", result_format="event"):
        await asyncio.sleep(hold)
    journal = agent.export_journal()
    assert journal is not None
    return agent.replay(journal)


def now() -> float:
    """Seconds that have passed by the clock of the loop."""
    return asyncio.get_running_loop().time()


def code(result: RunResult[str]) -> str | None:
    return result.error.code if result.error else None


@WHICH
@jumping
async def test_the_time_of_a_slow_consumer_does_not_count(limits: Limits) -> None:
    told = Told(TextDelta("one "), TextDelta("two"), ReplyEnd("stop"))
    result = await play(LightAgent(model=told, limits=limits), stream=True, hold=0.35)
    assert (result.content, code(result)) == ("one two", None)


@WHICH
@jumping
async def test_the_time_of_a_slow_consumer_does_not_count_in_any_turn(limits: Limits) -> None:
    """The time that is held in one turn is no loss to the next, whichever event was held."""

    async def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    model = ScriptedModel([call_tool("add", a=1, b=2), "It is 3."])
    result = await play(LightAgent(model=model, tools=[add], limits=limits), stream=True, hold=0.1)
    assert (result.content, code(result)) == ("It is 3.", None)


@pytest.mark.parametrize(("limits", "ends"), ENDS)
@jumping
async def test_a_slow_consumer_does_not_make_a_silent_model_endless(limits: Limits, ends: str) -> None:
    agent = LightAgent(model=Told(TextDelta("one"), hangs=True), limits=limits)
    result = await play(agent, stream=True, hold=0.1)
    assert code(result) == ends
    # Its own time, and that of the content, the error and the end, which were held.
    assert now() == pytest.approx(0.3 + 3 * 0.1)


@MODES
@pytest.mark.parametrize(("limits", "ends"), ENDS)
@jumping
async def test_text_that_came_before_a_deadline_is_kept(limits: Limits, ends: str, stream: bool) -> None:
    model = Told(TextDelta("part one "), TextDelta("two"), hangs=True)
    result = await play(LightAgent(model=model, limits=limits), stream=stream)
    assert (result.content, code(result)) == ("part one two", ends)
    *_, failed, _ = result.journal.events
    assert isinstance(failed, ModelFailed)
    assert (failed.turn, failed.attempt, failed.error.code, failed.partial) == (1, 1, ends, "part one two")


@jumping
async def test_a_pause_that_would_pass_the_deadline_is_not_begun() -> None:
    model = ScriptedModel([ProviderError("busy", code="LA-503")] * 9)
    agent = LightAgent(model=model, limits=Limits(model_timeout=0.09))  # the first pause is 0.1 s or more
    result = await play(agent, stream=False)
    assert code(result) == "LA-503"
    assert [event.type for event in result.journal.events[1:]] == ["model_requested", "model_failed", "run_finished"]


@MODES
@WHICH
@jumping
async def test_a_pause_that_the_provider_asked_for_is_not_begun_past_the_deadline(limits: Limits, stream: bool) -> None:
    busy = ProviderError("busy", code="LA-429")
    busy.retry_after = 20
    result = await play(LightAgent(model=ScriptedModel([busy, "never"]), limits=limits), stream=stream)
    assert (code(result), result.outcome.kind) == ("LA-429", "failed")
    assert now() == 0


@MODES
@jumping
async def test_an_answer_without_reply_end_is_a_failure(stream: bool) -> None:
    model = Told(TextDelta("half an ans"))
    result = await play(LightAgent(model=model, limits=Limits(max_retry=2)), stream=stream)
    assert (code(result), result.outcome.kind, result.content) == ("LA-500", "failed", "half an ans")
    assert result.error is not None
    assert "without ReplyEnd" in result.error.message
    assert model.asked == (1 if stream else 2)


@jumping
async def test_a_reply_end_without_fields_ends_the_answer() -> None:
    result = await play(LightAgent(model=Told(TextDelta("whole"), ReplyEnd())), stream=False)
    assert (result.content, code(result)) == ("whole", None)


@MODES
@jumping
async def test_an_item_that_is_not_a_delta_is_named(stream: bool) -> None:
    foreign: Delta = json.loads('"text"')
    model = Told(TextDelta("part"), foreign, ReplyEnd("stop"))
    result = await play(LightAgent(model=model), stream=stream)
    assert (code(result), result.content, model.asked) == ("LA-500", "part", 1)
    assert result.error is not None
    assert result.error.message == "The model's stream yielded str, which is not a delta."
    assert "TextDelta" in result.error.guidance
