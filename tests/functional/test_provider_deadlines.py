"""A provider that is slow, silent or never done: every run ends by its deadline, whichever of them it is."""

from __future__ import annotations

import asyncio
import time

import pytest

from lightagent import LightAgent, LightAgentError
from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.domain.limits import Limits
from tests.functional.agents import KEY, MODES, agent_at, ask
from tests.servers.aimock import Aimock
from tests.servers.fault_behaviours import TEXT
from tests.servers.fault_server import FaultServer
from tests.servers.leaks import LeakCheck

LATE = 0.25
"""Seconds that an end may come after its deadline (RELIABILITY § 3)."""
SLOW = ("hang", "slow-first-byte", "slow-body", "stall", "slowloris")


@pytest.fixture(autouse=True)
async def _loaded(faults: FaultServer) -> None:
    """The HTTP client is imported at the first request; that is no time to measure."""
    async with agent_at(faults.scenario("ok").base_url) as agent:
        assert await agent.arun("Hello") == TEXT


@MODES
async def test_the_deadline_of_an_attempt(leaks: LeakCheck, faults: FaultServer, stream: bool) -> None:
    async def slow(behaviour: str) -> None:
        scenario = faults.scenario(behaviour)
        async with agent_at(scenario.base_url, attempt=0.5) as agent:
            ending = await ask(agent, "Hello", stream=stream, max_retry=1)
        assert ending.code == "LA-408", behaviour
        assert 0.5 <= ending.seconds < 0.5 + LATE, behaviour
        assert len(scenario.requests) == 1
        await scenario.all_closed()

    await asyncio.gather(*map(slow, SLOW))


@MODES
async def test_the_deadline_of_a_run(leaks: LeakCheck, faults: FaultServer, stream: bool) -> None:
    """It counts everything: connecting, waiting, streaming, and the pauses between attempts."""

    async def slow(behaviour: str) -> None:
        scenario = faults.scenario(behaviour)
        async with agent_at(scenario.base_url) as agent:
            ending = await ask(agent, "Hello", stream=stream, timeout=0.5)
        assert (ending.code, ending.result.outcome.kind) == ("LA-BUDGET", "budget_exhausted"), behaviour
        assert "0.5 s" in ending.message
        assert 0.5 <= ending.seconds < 0.5 + LATE, behaviour
        await scenario.all_closed()

    async def unavailable() -> None:
        scenario = faults.scenario("status", code=503, retry_after=5)
        async with agent_at(scenario.base_url) as agent:
            ending = await ask(agent, "Hello", stream=stream, timeout=0.5)
        assert ending.seconds < LATE, "the pause would end after the deadline, so it is not made"
        assert ending.code == "LA-503"

    await asyncio.gather(*map(slow, SLOW), unavailable())


@MODES
async def test_the_deadline_of_one_request_with_all_its_attempts(
    leaks: LeakCheck, faults: FaultServer, stream: bool
) -> None:
    scenario = faults.scenario("hang")
    model = OpenAIChatModel("m", KEY, scenario.base_url, timeout=0.3)
    agent = LightAgent(model=model, limits=Limits(model_timeout=0.8))
    ending = await ask(agent, "Hello", stream=stream)
    assert ending.code == "LA-408"
    assert ending.seconds < 0.8 + LATE
    assert len(scenario.requests) in (1, 2), "a second attempt, if the jitter left time for it"
    await agent.aclose()
    await scenario.all_closed()


async def test_a_stream_may_not_fall_silent(leaks: LeakCheck, faults: FaultServer) -> None:
    async def silent(behaviour: str) -> None:
        async with agent_at(faults.scenario(behaviour).base_url, idle_timeout=0.4) as agent:
            ending = await ask(agent, "Hello", stream=True, max_retry=1)
        assert ending.code == "LA-408", behaviour
        assert "nothing for 0.4 s" in ending.message
        assert ending.seconds < 0.4 + 2 * LATE

    await asyncio.gather(*map(silent, ("hang", "slow-first-byte", "slow-body", "stall")))


async def test_a_slow_stream_is_no_silent_one(leaks: LeakCheck, faults: FaultServer) -> None:
    scenario = faults.scenario("ok", pieces=300, gap_ms=100)
    async with agent_at(scenario.base_url, idle_timeout=0.3) as agent:
        ending = await ask(agent, "Hello", stream=True)
    assert ending.result.content == TEXT
    assert ending.seconds > 0.6


async def test_what_is_slow_but_in_time_is_no_fault(leaks: LeakCheck, aimock: Aimock) -> None:
    words = ("[slow-first-byte]", "[slow-stream]")
    async with agent_at(aimock.base_url, attempt=5, idle_timeout=3) as agent:
        runs = [ask(agent, word, stream=stream) for stream in (False, True) for word in words]
        late, slow, late_stream, slow_stream = await asyncio.gather(*runs)
    assert late.result.content == late_stream.live == "Late, but here."
    assert min(late.seconds, late_stream.seconds) >= 1
    assert slow.result.content == slow_stream.live == "One piece every forty ms."
    assert len(aimock.journal()) == 4


async def test_what_is_too_slow_is_tried_again(leaks: LeakCheck, faults: FaultServer) -> None:
    async def slow(*, stream: bool) -> None:
        scenario = faults.scenario("hang", times=1)
        async with agent_at(scenario.base_url, attempt=0.3) as agent:
            ending = await ask(agent, "Hello", stream=stream)
        assert ending.result.content == TEXT
        assert len(scenario.requests) == 2

    await asyncio.gather(slow(stream=False), slow(stream=True))


@MODES
async def test_a_connection_that_nobody_answers(leaks: LeakCheck, faults: FaultServer, stream: bool) -> None:
    async with agent_at(faults.silent_url, connect_timeout=0.4) as agent:
        ending = await ask(agent, "Hello", stream=stream, max_retry=1)
    assert ending.code == "LA-408"
    assert ending.seconds < 0.4 + LATE


@MODES
async def test_a_tool_is_ended_by_the_deadline_of_its_run(leaks: LeakCheck, faults: FaultServer, stream: bool) -> None:
    ended: list[str] = []

    async def add(a: int, b: int) -> int:
        try:
            await asyncio.sleep(30)
        finally:
            ended.append("cancelled")
        return a + b

    async with agent_at(faults.scenario("tools").base_url, add) as agent:
        ending = await ask(agent, "Add.", stream=stream, timeout=0.5)
    assert (ending.code, ended) == ("LA-BUDGET", ["cancelled"])
    assert 0.5 <= ending.seconds < 0.5 + LATE


async def test_a_hundred_hanging_runs_end_together(leaks: LeakCheck, faults: FaultServer) -> None:
    scenario = faults.scenario("stall", stall=3)
    async with agent_at(scenario.base_url) as agent:
        runs = [ask(agent, f"Hello {number}", stream=number % 2 == 0, timeout=0.6) for number in range(100)]
        endings = await asyncio.gather(*runs)
    assert {ending.code for ending in endings} == {"LA-BUDGET"}
    assert max(ending.seconds for ending in endings) < 0.6 + 2 * LATE
    await scenario.all_closed()


@pytest.mark.parametrize("behaviour", ["hang", "stall", "slowloris"])
def test_without_asyncio_the_deadline_holds_too(leaks: LeakCheck, faults: FaultServer, behaviour: str) -> None:
    scenario = faults.scenario(behaviour)
    agent = LightAgent(model="m", base_url=scenario.base_url, api_key=KEY)
    began = time.monotonic()
    with pytest.raises(LightAgentError, match=r"^\[LA-BUDGET\] The run did not end within its 0.3 s"):
        agent.run("Hello", timeout=0.3)
    with pytest.raises(LightAgentError, match=r"^\[LA-BUDGET\] "):
        list(agent.run("Hello", timeout=0.3, stream=True))
    assert time.monotonic() - began < 0.6 + 2 * LATE
    agent.close()
    scenario.wait_closed()
