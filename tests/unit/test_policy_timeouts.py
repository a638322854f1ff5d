"""Policies that do not end are given up: no task stays, and threads are bounded."""

from __future__ import annotations

import asyncio
import threading

import pytest

from lightagent import HookContext, LightAgent, PolicyHook
from lightagent.aiokits.worker_threads import WorkerThreads
from lightagent.application.policies import handler as handler_module
from lightagent.application.policies.handler import Fault, Handler
from lightagent.testing import ScriptedModel


async def test_a_thousand_timeouts_leave_no_task() -> None:
    cancelled: list[int] = []

    async def hangs(context: object) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(1)

    handler = Handler(hangs, "hooks", ("context",), timeout=0.001)
    before = asyncio.all_tasks()
    answers = await asyncio.gather(*(handler.call(None) for _ in range(1_000)))
    assert answers == [Fault("It did not decide within its 0.001 s.")] * 1_000
    assert len(cancelled) == 1_000
    assert asyncio.all_tasks() == before


async def test_hung_threads_are_bounded_and_the_next_call_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    threads, released = WorkerThreads(most=4), threading.Event()
    monkeypatch.setattr(handler_module, "run_in_thread_at", threads.run_at)

    def hangs(context: object) -> None:
        released.wait()

    handler = Handler(hangs, "hooks", ("context",), timeout=0.01)
    try:
        async with asyncio.timeout(10):
            answers = [await handler.call(None) for _ in range(20)]
        assert answers[:8] == [Fault("It did not decide within its 0.01 s.")] * 8
        assert answers[-1] == Fault("It raised NoThreadLeft.")
        assert threads.count <= 8
    finally:
        released.set()


async def test_the_end_of_a_run_cancels_the_hook_that_it_waits_for() -> None:
    ended = asyncio.Event()

    async def hangs(context: HookContext) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    agent = LightAgent(model=ScriptedModel(["Hello."]), hooks=[PolicyHook(hangs, {"before_run"})])
    result = await agent.arun("query", timeout=0.01, result_format="object")
    assert result.outcome.kind == "budget_exhausted"
    async with asyncio.timeout(10):
        await ended.wait()


async def test_cancelling_a_run_is_no_failure_of_its_hook() -> None:
    waiting = asyncio.Event()

    async def hangs(context: HookContext) -> None:
        waiting.set()
        await asyncio.Event().wait()

    agent = LightAgent(model=ScriptedModel(["Hello."]), hooks=[PolicyHook(hangs, {"before_run"}, timeout=60.0)])
    run = asyncio.create_task(agent.arun("query"))
    await waiting.wait()
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
