"""chat/openai and time: deadlines, silence, cancellation, and connections that are given back."""

import asyncio

import pytest

from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.domain.conversation.deltas import Delta, TextDelta
from lightagent.domain.conversation.messages import UserMessage
from lightagent.domain.errors import ProviderError
from lightagent.ports.models import ChatRequest
from tests.functional.agents import send_piece_by_piece
from tests.functional.test_faults_openai import KEY, MODES, asked, deltas_of, fault_of
from tests.servers.fault_behaviours import TEXT
from tests.servers.fault_server import FaultServer
from tests.servers.leaks import LeakCheck
from tests.support.loop_clock import at_once, ends_after, eventually, held_clock


@MODES
@pytest.mark.parametrize("name", ["hang", "slow-body", "stall", "slowloris"])
async def test_an_attempt_ends_at_its_deadline(leaks: LeakCheck, faults: FaultServer, name: str, stream: bool) -> None:
    scenario = faults.scenario(name)
    model = OpenAIChatModel("m", KEY, scenario.base_url, timeout=0.5)
    (fault,) = await ends_after(0.5, fault_of(model, stream=stream), begun=lambda: scenario.requests)
    assert (fault.code, fault.retryable) == ("LA-408", True)
    assert "0.5 s" in fault.message
    await scenario.all_closed()


@pytest.mark.parametrize("name", ["hang", "slow-body", "stall"])
async def test_a_stream_may_not_fall_silent(leaks: LeakCheck, faults: FaultServer, name: str) -> None:
    scenario = faults.scenario(name)
    model = OpenAIChatModel("m", KEY, scenario.base_url, idle_timeout=0.4)
    (fault,) = await ends_after(0.4, fault_of(model, stream=True), begun=lambda: scenario.is_silent)
    assert (fault.code, fault.retryable) == ("LA-408", True)
    assert "nothing for 0.4 s" in fault.message
    await scenario.all_closed()


async def test_a_slow_stream_is_not_a_silent_one(faults: FaultServer) -> None:
    scenario = faults.scenario("ok", pieces=200, by_turns=1)
    model = OpenAIChatModel("m", KEY, scenario.base_url, idle_timeout=0.3)
    with held_clock() as clock:
        began = clock.time()
        answer = asyncio.create_task(asked(model, stream=True))
        await send_piece_by_piece(scenario, clock, 0.2)
        await eventually(answer.done)
        assert clock.time() - began > 0.6
    assert (await answer).message.content == TEXT


@pytest.mark.parametrize("limits", [{"idle_timeout": 0.2}, {"timeout": 0.5}], ids=["idle_timeout", "timeout"])
async def test_a_slow_reader_is_not_a_slow_provider(faults: FaultServer, limits: dict[str, float]) -> None:
    scenario = faults.scenario("ok", pieces=400, gap_ms=1)
    model = OpenAIChatModel(
        "m", KEY, scenario.base_url, timeout=limits.get("timeout"), idle_timeout=limits.get("idle_timeout", 60)
    )
    text = ""
    with held_clock() as clock:
        async for delta in model.stream(ChatRequest((UserMessage("hi"),), stream=True)):
            if isinstance(delta, TextDelta):
                text += delta.text
                await clock.advance(0.3)
    assert text == TEXT
    await model.aclose()


@MODES
async def test_the_connect_timeout_elapses(leaks: LeakCheck, faults: FaultServer, stream: bool) -> None:
    model = OpenAIChatModel("m", KEY, faults.silent_url, connect_timeout=0.4)
    (fault,) = await ends_after(0.4, fault_of(model, stream=stream))
    assert (fault.code, fault.retryable) == ("LA-408", True)
    assert "127.0.0.1" in fault.message


async def test_connections_are_used_again(leaks: LeakCheck, faults: FaultServer) -> None:
    scenario = faults.scenario("ok")
    model = OpenAIChatModel("m", KEY, scenario.base_url)
    for stream in (True, False) * 3:
        await deltas_of(model, stream=stream)
    assert (len(scenario.requests), len(scenario.connections)) == (6, 1)
    await model.aclose()
    await scenario.all_closed()


async def test_a_broken_connection_is_not_used_again(faults: FaultServer) -> None:
    scenario = faults.scenario("stale")
    model = OpenAIChatModel("m", KEY, scenario.base_url)
    ours = LeakCheck()
    for _ in range(3):
        await deltas_of(model, stream=True)
        await ours.settle()  # the client has closed its end
    assert len(scenario.connections) == 3
    await model.aclose()


async def test_an_abandoned_stream_closes_its_connection(leaks: LeakCheck, faults: FaultServer) -> None:
    scenario = faults.scenario("stall", stall=3)
    model = OpenAIChatModel("m", KEY, scenario.base_url)
    async for _ in model.stream(ChatRequest((UserMessage("hi"),), stream=True)):
        break
    await scenario.all_closed()
    await model.aclose()


@MODES
@pytest.mark.parametrize("name", ["hang", "stall", "slow-body"])
async def test_a_cancelled_request_closes_its_connection(
    leaks: LeakCheck, faults: FaultServer, name: str, stream: bool
) -> None:
    scenario = faults.scenario(name)
    model = OpenAIChatModel("m", KEY, scenario.base_url)
    task = asyncio.create_task(deltas_of(model, stream=stream))
    await eventually(lambda: scenario.is_silent)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await at_once(_end_of(task))
    await scenario.all_closed()
    await model.aclose()


async def test_a_hundred_hanging_streams_end_together(leaks: LeakCheck, faults: FaultServer) -> None:
    scenario = faults.scenario("stall", stall=2)
    model = OpenAIChatModel("m", KEY, scenario.base_url, idle_timeout=1)

    async def code() -> str:
        with pytest.raises(ProviderError) as caught:
            await deltas_of(model, stream=True)
        return caught.value.code

    codes = await ends_after(
        1, *(code() for _ in range(100)), begun=lambda: len(scenario.requests) == 100 and scenario.is_silent
    )
    assert codes == ["LA-408"] * 100
    await scenario.all_closed()
    await model.aclose()


async def _end_of(task: asyncio.Task[list[Delta]]) -> list[Delta]:
    return await task
