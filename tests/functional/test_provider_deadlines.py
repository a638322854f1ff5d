"""A provider that is slow, silent or never done: every run ends by its deadline, whichever of them it is."""

from __future__ import annotations

import asyncio

import pytest

from lightagent import LightAgent, LightAgentError
from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.domain.limits import Limits
from lightagent.testing import SequentialIds
from tests.functional.agents import KEY, MODES, agent_at, ask, send_piece_by_piece
from tests.servers.aimock import Aimock
from tests.servers.fault_behaviours import TEXT
from tests.servers.fault_server import FaultServer, Scenario
from tests.servers.leaks import LeakCheck
from tests.support.loop_clock import MOMENT, at_once, ends_after, eventually, held_clock

SLOW = ("hang", "slow-first-byte", "slow-body", "stall", "slowloris")


def all_begun(scenarios: list[Scenario]) -> bool:
    """Whether a request came to each, and what can be sent soon is sent."""
    return all(bool(one.connections) if "slowloris" in one.run else one.is_silent for one in scenarios)


@MODES
async def test_the_deadline_of_an_attempt(leaks: LeakCheck, faults: FaultServer, stream: bool) -> None:
    scenarios = [faults.scenario(behaviour) for behaviour in SLOW]

    async def slow(scenario: Scenario) -> None:
        async with agent_at(scenario.base_url, attempt=0.5) as agent:
            ending = await ask(agent, "Hello", stream=stream, max_retry=1)
        assert ending.code == "LA-408", scenario.run
        assert len(scenario.requests) == 1
        await scenario.all_closed()

    await ends_after(0.5, *map(slow, scenarios), begun=lambda: all_begun(scenarios))


@MODES
async def test_the_deadline_of_a_run(leaks: LeakCheck, faults: FaultServer, stream: bool) -> None:
    """It counts everything: connecting, waiting, streaming, and the pauses between attempts."""

    scenarios = [faults.scenario(behaviour) for behaviour in SLOW]

    async def slow(scenario: Scenario) -> None:
        async with agent_at(scenario.base_url) as agent:
            ending = await ask(agent, "Hello", stream=stream, timeout=0.5)
        assert (ending.code, ending.result.outcome.kind) == ("LA-BUDGET", "budget_exhausted"), scenario.run
        assert "0.5 s" in ending.message
        await scenario.all_closed()

    await ends_after(0.5, *map(slow, scenarios), begun=lambda: all_begun(scenarios))


@MODES
async def test_a_pause_that_would_end_after_the_deadline_is_not_made(
    leaks: LeakCheck, faults: FaultServer, stream: bool
) -> None:
    scenario = faults.scenario("status", code=503, retry_after=5)
    async with agent_at(scenario.base_url) as agent:
        ending = await at_once(ask(agent, "Hello", stream=stream, timeout=0.5))
    assert ending.code == "LA-503"


@MODES
async def test_the_deadline_of_one_request_with_all_its_attempts(
    leaks: LeakCheck, faults: FaultServer, stream: bool
) -> None:
    scenario = faults.scenario("hang")
    model = OpenAIChatModel("m", KEY, scenario.base_url, timeout=0.3)
    # These ids draw a first pause of 0.33 s, so the second attempt is under way at the deadline.
    agent = LightAgent(model=model, limits=Limits(model_timeout=0.8), ids=SequentialIds())
    (ending,) = await ends_after(0.8, ask(agent, "Hello", stream=stream), begun=lambda: scenario.is_silent)
    assert ending.code == "LA-408"
    told = [event.type for event in ending.result.journal.events[1:]]
    assert told == ["model_requested", "model_failed", "noted", "model_retried", "model_failed", "run_finished"]
    await agent.aclose()
    await scenario.all_closed()


async def test_a_stream_may_not_fall_silent(leaks: LeakCheck, faults: FaultServer) -> None:
    scenarios = [faults.scenario(behaviour) for behaviour in ("hang", "slow-first-byte", "slow-body", "stall")]

    async def silent(scenario: Scenario) -> None:
        async with agent_at(scenario.base_url, idle_timeout=0.4) as agent:
            ending = await ask(agent, "Hello", stream=True, max_retry=1)
        assert ending.code == "LA-408", scenario.run
        assert "nothing for 0.4 s" in ending.message

    await ends_after(0.4, *map(silent, scenarios), begun=lambda: all_begun(scenarios))


async def test_a_slow_stream_does_not_count_as_silent(leaks: LeakCheck, faults: FaultServer) -> None:
    scenario = faults.scenario("ok", pieces=300, by_turns=1)
    async with agent_at(scenario.base_url, idle_timeout=0.3) as agent:
        with held_clock() as clock:
            run = asyncio.create_task(ask(agent, "Hello", stream=True))
            await send_piece_by_piece(scenario, clock, 0.2)
            await eventually(run.done)
        ending = await run
    assert ending.result.content == TEXT
    assert ending.seconds > 0.6


async def test_a_slow_answer_that_is_in_time_is_not_a_fault(leaks: LeakCheck, aimock: Aimock) -> None:
    words = ("[slow-first-byte]", "[slow-stream]")
    async with agent_at(aimock.base_url, attempt=20, idle_timeout=15) as agent:
        runs = [ask(agent, word, stream=stream) for stream in (False, True) for word in words]
        late, slow, late_stream, slow_stream = await asyncio.gather(*runs)
    assert late.result.content == late_stream.live == "Late, but here."
    assert min(late.seconds, late_stream.seconds) >= 1
    assert slow.result.content == slow_stream.live == "One piece every forty ms."
    assert len(aimock.journal()) == 4


@MODES
async def test_an_attempt_that_is_too_slow_is_made_again(leaks: LeakCheck, faults: FaultServer, stream: bool) -> None:
    scenario = faults.scenario("hang", times=1)
    async with agent_at(scenario.base_url, attempt=3) as agent:
        with held_clock() as clock:
            run = asyncio.create_task(ask(agent, "Hello", stream=stream))
            await eventually(lambda: scenario.is_silent)
            await clock.advance(3 + MOMENT)
            (pause,) = clock.timers(2)
            await clock.advance(pause + MOMENT)
            await eventually(run.done)
        ending = await run
    assert ending.result.content == TEXT
    assert len(scenario.requests) == 2


@MODES
async def test_the_connect_timeout_elapses(leaks: LeakCheck, faults: FaultServer, stream: bool) -> None:
    async with agent_at(faults.silent_url, connect_timeout=0.4) as agent:
        (ending,) = await ends_after(0.4, ask(agent, "Hello", stream=stream, max_retry=1))
    assert ending.code == "LA-408"


@MODES
async def test_a_tool_is_ended_by_the_deadline_of_its_run(leaks: LeakCheck, faults: FaultServer, stream: bool) -> None:
    begun, ended = asyncio.Event(), list[str]()

    async def add(a: int, b: int) -> int:
        begun.set()
        try:
            await asyncio.sleep(30)
        finally:
            ended.append("cancelled")
        return a + b

    async with agent_at(faults.scenario("tools").base_url, add) as agent:
        (ending,) = await ends_after(0.5, ask(agent, "Add.", stream=stream, timeout=0.5), begun=begun.is_set)
    assert (ending.code, ended) == ("LA-BUDGET", ["cancelled"])


async def test_a_hundred_hanging_runs_end_together(leaks: LeakCheck, faults: FaultServer) -> None:
    scenario = faults.scenario("stall", stall=3)
    async with agent_at(scenario.base_url) as agent:
        runs = [ask(agent, f"Hello {number}", stream=number % 2 == 0, timeout=0.6) for number in range(100)]
        endings = await ends_after(0.6, *runs, begun=lambda: len(scenario.requests) == 100 and scenario.is_silent)
    assert {ending.code for ending in endings} == {"LA-BUDGET"}
    await scenario.all_closed()


@pytest.mark.parametrize("behaviour", ["hang", "stall", "slowloris"])
def test_without_asyncio_the_deadline_holds_too(leaks: LeakCheck, faults: FaultServer, behaviour: str) -> None:
    scenario = faults.scenario(behaviour)
    agent = LightAgent(model="m", base_url=scenario.base_url, api_key=KEY)
    with pytest.raises(LightAgentError, match=r"^\[LA-BUDGET\] The run did not end within its 0.3 s"):
        agent.run("Hello", timeout=0.3)
    with pytest.raises(LightAgentError, match=r"^\[LA-BUDGET\] "):
        list(agent.run("Hello", timeout=0.3, stream=True))
    agent.close()
    scenario.wait_closed()
