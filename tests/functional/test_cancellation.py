"""Runs given up by their caller, at any moment: they end at once, touch nothing afterwards, leave nothing behind."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import pytest

from lightagent import JsonObject, LightAgent, RunContext, tool
from lightagent.domain.outcomes import Cancelled, Completed
from lightagent.domain.runs.events import RunFinished
from lightagent.testing import ScriptedModel, call_tool
from tests.functional.agents import DEADLINE, KEY, MODES, NEVER, agent_at, ask
from tests.servers.aimock import Aimock
from tests.servers.fault_behaviours import TEXT
from tests.servers.fault_options import Option
from tests.servers.fault_server import FaultServer
from tests.servers.leaks import LeakCheck
from tests.support.loop_clock import held_clock

MOMENTS = 50


class Effects:
    """Two tools with an effect in the middle; each effect is kept with its time."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    async def add(self, a: int, b: int) -> int:
        """Add two numbers, slowly."""
        await asyncio.sleep(0.1)
        self.seen.append(time.monotonic())
        await asyncio.sleep(0.05)
        return a + b

    def sub(self, a: int, b: int, context: RunContext[None]) -> int:
        """Subtract, in a thread that asks whether it is still wanted."""
        time.sleep(0.1)
        now = time.monotonic()  # before it asks: what it was allowed then, it may do
        if not context.is_cancelled():
            self.seen.append(now)
        return a - b


async def run_once(agent: LightAgent[None, str], *, stream: bool, seen: list[str]) -> str:
    """A run; when it is cancelled, `seen` holds how its journal ended."""
    try:
        if not stream:
            return await agent.arun("Add.")
        text = ""
        async with aclosing(agent.astream("Add.")) as chunks:
            async for chunk in chunks:
                text += "".join(choice.delta.content or "" for choice in chunk.choices)
        return text
    except asyncio.CancelledError:
        journal = agent.export_journal()
        assert journal is not None
        last = journal.events[-1]
        assert isinstance(last, RunFinished)
        seen.append(last.outcome.kind)
        raise


@MODES
@pytest.mark.parametrize(
    ("behaviour", "options", "least"),
    [
        ("tools", {"calls": 2, "delay": 0.05, "pieces": 30, "gap_ms": 4}, 0.05 + 0.15 + 0.05),
        ("status", {"code": 429, "retry_after_ms": 150, "times": 1, "then": "tools"}, 0.15 + 0.15),
        ("stall", {"stall": 3}, NEVER),
        ("hang", {}, NEVER),
    ],
    ids=["everywhere", "backoff", "stall", "hang"],
)
async def test_cancelled_at_fifty_moments(
    leaks: LeakCheck, faults: FaultServer, behaviour: str, options: dict[str, Option], least: float, stream: bool
) -> None:
    """Each of fifty runs is cancelled at its own moment of a whole run's duration, which is `least` seconds or more."""
    whole = await _duration(faults, behaviour, options, stream=stream)

    async def cancelled_after(seconds: float) -> None:
        effects, seen = Effects(), list[str]()
        scenario = faults.scenario(behaviour, **options)
        async with agent_at(scenario.base_url, effects.add, effects.sub) as agent:
            began = time.monotonic()
            task = asyncio.create_task(run_once(agent, stream=stream, seen=seen))
            await asyncio.sleep(seconds)
            task.cancel()
            too_early_to_be_done = time.monotonic() - began < least
            (result,) = await asyncio.gather(task, return_exceptions=True)
            ended = time.monotonic()
            if not isinstance(result, asyncio.CancelledError):
                assert result == TEXT
                assert not too_early_to_be_done
                return
            await asyncio.sleep(0.3)
            assert [effect for effect in effects.seen if effect > ended] == []
            assert seen == ["cancelled"]
        await scenario.all_closed()

    moments = [whole * (number + 0.5) / MOMENTS for number in range(MOMENTS)]
    async with asyncio.timeout(DEADLINE):
        await asyncio.gather(*map(cancelled_after, moments))


async def _duration(faults: FaultServer, behaviour: str, options: dict[str, Option], *, stream: bool) -> float:
    """How long a run takes that nobody cancels."""
    if behaviour in ("stall", "hang"):
        return 0.5
    seconds = []
    for _ in range(2):  # the first also imports
        effects = Effects()
        async with agent_at(faults.scenario(behaviour, **options).base_url, effects.add, effects.sub) as agent:
            ending = await ask(agent, "Add.", stream=stream)
        assert ending.result.content == TEXT
        seconds.append(ending.seconds)
    return min(seconds)


@MODES
async def test_the_next_run_is_fine(leaks: LeakCheck, faults: FaultServer, stream: bool) -> None:
    """Cancellation is not sticky: the same agent, its connections, its other runs."""
    may_end, added = asyncio.Event(), list[int]()

    async def add(a: int, b: int) -> int:
        await may_end.wait()
        added.append(a + b)
        return a + b

    scenario = faults.scenario("tools", delay=0.02, pieces=40, gap_ms=4)
    async with agent_at(scenario.base_url, add) as agent:
        beside = asyncio.create_task(ask(agent, "Add.", stream=stream))
        for number in range(10):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(run_once(agent, stream=stream, seen=[]), 0.012 * number + 0.01)
        may_end.set()
        assert (await beside).result.content == TEXT
        after = await ask(agent, "Add.", stream=stream)
    assert after.result.content == TEXT
    assert len(added) == 2
    await scenario.all_closed()


async def test_a_tool_that_swallows_its_cancellation_does_not_bring_the_run_back(
    leaks: LeakCheck, faults: FaultServer
) -> None:
    begun = asyncio.Event()

    async def add(a: int, b: int) -> int:
        begun.set()
        try:
            await asyncio.sleep(NEVER)
        except asyncio.CancelledError:
            return a + b
        return 0

    scenario = faults.scenario("tools")
    async with agent_at(scenario.base_url, add) as agent:
        run = asyncio.create_task(agent.arun("Add."))
        await begun.wait()
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run
        journal = agent.export_journal()
    assert journal is None or isinstance(journal.events[-1], RunFinished)
    assert len(scenario.requests) == 1, "the model was not asked again"


@asynccontextmanager
async def story(aimock: Aimock) -> AsyncIterator[LightAgent[None, str]]:
    fixture: JsonObject = {
        "match": {"userMessage": "[long-story]"},
        "chunkSize": 2,
        "latency": 10,
        "response": {"content": "Once upon a time " * 1000},
    }
    aimock.add(fixture)
    async with agent_at(aimock.base_url) as agent:
        yield agent


@pytest.mark.parametrize("chunks", [1, 2, 5])
async def test_a_stream_left_early_is_cancelled(leaks: LeakCheck, aimock: Aimock, chunks: int) -> None:
    async with story(aimock) as agent:
        async with asyncio.timeout(DEADLINE):  # the whole story would take longer
            stream = agent.astream("[long-story]")
            seen = [chunk async for chunk, _ in _first(stream, chunks)]
            with held_clock():  # it waits for nothing
                await stream.aclose()
        journal = agent.export_journal()
        assert len(seen) == chunks
        assert journal is not None
        assert journal.run.outcome == Cancelled()
        assert await agent.arun("[plain]") == "The capital of France is Paris."


async def _first(stream: AsyncIterator[object], count: int) -> AsyncIterator[tuple[object, int]]:
    for number in range(count):
        yield await anext(stream), number


async def test_a_stream_that_nobody_read_never_began(leaks: LeakCheck, aimock: Aimock) -> None:
    async with story(aimock) as agent:
        await agent.astream("[long-story]").aclose()
    assert aimock.journal() == []


def test_a_loop_left_early_without_asyncio(leaks: LeakCheck, faults: FaultServer) -> None:
    scenario = faults.scenario("stall", stall=3, times=2)
    agent = LightAgent(model="m", base_url=scenario.base_url, api_key=KEY)
    for chunk in agent.run("Hello", stream=True):
        if chunk.choices[0].delta.content:
            break
    scenario.wait_closed()
    events = agent.run("Hello", stream=True, result_format="event")
    assert next(iter(events)).type == "content"
    del events
    scenario.wait_closed()
    journal = agent.export_journal()
    assert journal is not None
    assert journal.run.outcome == Cancelled()
    assert agent.run("Hello", result_format="object").outcome == Completed(TEXT)
    agent.close()


def test_a_stream_that_nobody_read_without_asyncio(leaks: LeakCheck, faults: FaultServer) -> None:
    scenario = faults.scenario("ok")
    agent = LightAgent(model="m", base_url=scenario.base_url, api_key=KEY)
    agent.run("Hello", stream=True)
    assert scenario.requests == []
    agent.close()


async def test_a_model_that_is_closed_while_it_streams(leaks: LeakCheck, faults: FaultServer) -> None:
    """Closing an agent under its own run ends the run in its time, with an error or with its answer."""
    scenario = faults.scenario("ok", pieces=100, gap_ms=20)
    streaming = asyncio.Event()

    async def codes(agent: LightAgent[None, str]) -> list[object]:
        events = []
        async for event in agent.astream("Hello", result_format="event"):
            events.append(event)
            if event.type == "content":
                streaming.set()
        assert events[-1].type == "done"
        return [event.data["code"] for event in events if event.type == "error"]

    async with agent_at(scenario.base_url, idle_timeout=0.5) as agent, asyncio.timeout(DEADLINE):
        run = asyncio.create_task(codes(agent))
        await streaming.wait()
        await agent.aclose()
        assert await run in ([], ["LA-503"], ["LA-408"])


async def test_a_call_that_has_ended_is_on_record_though_nobody_took_its_result() -> None:
    @tool
    async def quick(number: int) -> str:
        """Do something at once.

        Args:
            number: which.
        """
        return f"did {number}"

    model = ScriptedModel([[call_tool("quick", number=1), call_tool("quick", number=2)], "never"])
    events = LightAgent(model=model, tools=[quick]).aevents("Go.")
    async for event in events:
        if event.type == "tool_finished":
            break  # The other call has ended as well by now; its result waits to be taken.
    await events.aclose()
    assert [call.output for call in events.result.tool_calls] == ["did 1", "did 2"]
