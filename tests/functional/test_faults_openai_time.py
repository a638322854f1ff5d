"""chat/openai and time: deadlines, silence, cancellation, and connections that are given back."""

import asyncio
import time

import pytest

from lightagent.adapters.chat.openai import OpenAIChatModel
from lightagent.domain.deltas import TextDelta
from lightagent.domain.errors import ProviderError
from lightagent.domain.messages import UserMessage
from lightagent.ports.models import ChatRequest
from tests.functional.test_faults_openai import KEY, MODES, asked, deltas_of, fault_of
from tests.servers.fault_behaviours import TEXT
from tests.servers.fault_server import FaultServer
from tests.servers.leaks import LeakCheck

MARGIN = 0.25


@MODES
@pytest.mark.parametrize("name", ["hang", "slow-body", "stall", "slowloris"])
async def test_an_attempt_ends_at_its_deadline(leaks: LeakCheck, faults: FaultServer, name: str, stream: bool) -> None:
    scenario = faults.scenario(name)
    started = time.monotonic()
    fault = await fault_of(OpenAIChatModel("m", KEY, scenario.base_url, timeout=0.5), stream=stream)
    assert 0.5 <= time.monotonic() - started < 0.5 + MARGIN
    assert (fault.code, fault.retryable) == ("LA-408", True)
    assert "0.5 s" in fault.message
    await scenario.all_closed()


@pytest.mark.parametrize("name", ["hang", "slow-body", "stall"])
async def test_a_stream_may_not_fall_silent(leaks: LeakCheck, faults: FaultServer, name: str) -> None:
    scenario = faults.scenario(name)
    started = time.monotonic()
    fault = await fault_of(OpenAIChatModel("m", KEY, scenario.base_url, idle_timeout=0.4), stream=True)
    assert 0.4 <= time.monotonic() - started < 0.4 + 2 * MARGIN
    assert (fault.code, fault.retryable) == ("LA-408", True)
    assert "nothing for 0.4 s" in fault.message
    await scenario.all_closed()


async def test_a_slow_stream_is_not_a_silent_one(faults: FaultServer) -> None:
    scenario = faults.scenario("ok", pieces=200, gap_ms=100)
    model = OpenAIChatModel("m", KEY, scenario.base_url, idle_timeout=0.3)
    started = time.monotonic()
    assert (await asked(model, stream=True)).message.content == TEXT
    assert time.monotonic() - started > 0.6


async def test_a_slow_reader_is_not_a_silent_provider(faults: FaultServer) -> None:
    scenario = faults.scenario("ok", pieces=400, gap_ms=20)
    model = OpenAIChatModel("m", KEY, scenario.base_url, idle_timeout=0.2)
    text = ""
    async for delta in model.stream(ChatRequest((UserMessage("hi"),), stream=True)):
        if isinstance(delta, TextDelta):
            text += delta.text
            await asyncio.sleep(0.3 if len(text) < 10 else 0)
    assert text == TEXT
    await model.aclose()


@MODES
async def test_a_connection_that_nobody_answers(leaks: LeakCheck, faults: FaultServer, stream: bool) -> None:
    started = time.monotonic()
    fault = await fault_of(OpenAIChatModel("m", KEY, faults.silent_url, connect_timeout=0.4), stream=stream)
    assert time.monotonic() - started < 0.4 + MARGIN
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
    for _ in range(3):
        await deltas_of(model, stream=True)
        await asyncio.sleep(0.05)
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
    await asyncio.sleep(0.2)
    started = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - started < MARGIN
    await scenario.all_closed()
    await model.aclose()


async def test_a_hundred_hanging_streams_end_together(leaks: LeakCheck, faults: FaultServer) -> None:
    scenario = faults.scenario("stall", stall=2)
    model = OpenAIChatModel("m", KEY, scenario.base_url, idle_timeout=1)
    tasks = [asyncio.create_task(deltas_of(model, stream=True)) for _ in range(100)]
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert {result.code for result in results if isinstance(result, ProviderError)} == {"LA-408"}
    assert len(results) == 100
    await scenario.all_closed()
    await model.aclose()
