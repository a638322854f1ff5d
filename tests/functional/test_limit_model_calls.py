"""The limit of concurrent requests to models: it holds over event loops and threads, and nothing waits for itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from lightagent import LightAgent, Limits
from lightagent.aiokits.shared_semaphore import SharedSemaphore
from lightagent.application.run_loop.limit_model_calls import limited_model_calls
from lightagent.domain.conversation.deltas import Delta
from lightagent.ports.models import ChatModel, ChatRequest
from lightagent.testing import ScriptedModel


class Counting(ChatModel):
    """Knows how many of its requests went on at once, and answers once it is let."""

    name = "counting"

    def __init__(self) -> None:
        self.now = self.most = 0
        self.open = asyncio.Event()
        self.begun = asyncio.Semaphore(0)

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
        self.now += 1
        self.most = max(self.most, self.now)
        self.begun.release()
        try:
            await self.open.wait()
            async for delta in ScriptedModel("done").stream(request):
                yield delta
        finally:
            self.now -= 1

    async def aclose(self) -> None:
        """There is nothing to close."""


async def test_so_many_requests_go_on_at_once() -> None:
    model = Counting()
    agent = LightAgent(model=model)
    with limited_model_calls(2):
        runs = [asyncio.create_task(agent.arun(f"{number}")) for number in range(5)]
    free = asyncio.create_task(agent.arun("without a limit"))
    for _ in range(3):
        await model.begun.acquire()
    model.open.set()
    results = await asyncio.gather(*runs, free)
    assert set(results) == {"done"}
    assert model.most == 3


async def test_the_wait_for_a_place_is_not_the_models_time() -> None:
    model = Counting()
    quick = LightAgent(model=model, limits=Limits(model_timeout=0.2))
    with limited_model_calls(1):
        first = asyncio.create_task(LightAgent(model=model).arun("first"))
        await model.begun.acquire()
        second = asyncio.create_task(quick.arun("second"))
        await asyncio.sleep(0.5)
    model.open.set()
    assert await first == "done"
    assert await second == "done"


async def test_a_model_that_is_an_agent_does_not_wait_for_its_own_place() -> None:
    inner = LightAgent(model=ScriptedModel(lambda request: "inner"))

    class Asking(Counting):
        async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
            answer = await inner.arun("x")
            async for delta in ScriptedModel(answer).stream(request):
                yield delta

    with limited_model_calls(1):
        async with asyncio.timeout(30):
            assert await LightAgent(model=Asking()).arun("x") == "inner"
            assert await LightAgent(model=Asking()).arun("x") == "inner", "the place was given back"


async def test_a_place_is_not_lost_with_the_one_that_waited_for_it() -> None:
    semaphore = SharedSemaphore(1)
    await semaphore.acquire()
    assert semaphore.is_full
    gone, next_one = asyncio.create_task(semaphore.acquire()), asyncio.create_task(semaphore.acquire())
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.wait((gone,))
    semaphore.release()
    await next_one
    given = asyncio.create_task(semaphore.acquire())
    await asyncio.sleep(0)
    semaphore.release()
    given.cancel()  # Before the loop has told it that the place is its own.
    with pytest.raises(asyncio.CancelledError):
        await given
    await asyncio.sleep(0)
    await semaphore.acquire()


async def test_threads_share_the_places() -> None:
    semaphore = SharedSemaphore(1)
    await semaphore.acquire()

    async def once() -> None:
        await semaphore.acquire()
        semaphore.release()

    threads = [asyncio.create_task(asyncio.to_thread(asyncio.run, once())) for _ in range(4)]
    semaphore.release()
    await asyncio.gather(*threads)
    assert not semaphore.is_full
