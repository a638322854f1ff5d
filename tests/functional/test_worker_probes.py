"""The probes of `lightagent worker`: it lives, and it takes work or says why not."""

from __future__ import annotations

import asyncio
import socket

import aiohttp
import pytest

from lightagent import ConfigurationError, FlowWorker, LightFlow
from lightagent.adapters.journals.memory import MemoryJournalStore
from lightagent.entrypoints.cli.flow.worker_health import health_server


async def answer(url: str) -> tuple[int, object]:
    async with aiohttp.ClientSession() as client, client.get(url) as response:
        return response.status, await response.json()


async def test_a_worker_says_whether_it_takes_work() -> None:
    began, end = asyncio.Event(), asyncio.Event()

    async def work(query: str) -> str:
        began.set()
        await end.wait()
        return query

    store = MemoryJournalStore()
    flow = LightFlow(name="f", store=store).step("a", agent=work)
    interrupted = asyncio.create_task(flow.arun("x", run_id="r"))
    await began.wait()
    interrupted.cancel()
    await asyncio.wait((interrupted,))
    began.clear()
    worker = FlowWorker(flow, poll_seconds=0.01)
    async with health_server(worker.unready, "127.0.0.1", 0) as url:
        assert await answer(f"{url}/healthz") == (200, {"status": "ok"})
        assert await answer(f"{url}/readyz") == (503, {"status": "unready", "reason": "The worker is starting."})
        working = asyncio.create_task(worker.arun())
        await began.wait()
        assert await answer(f"{url}/readyz") == (200, {"status": "ok"})
        worker.stop()
        assert await answer(f"{url}/healthz") == (200, {"status": "ok"}), "what is in hand goes on"
        assert await answer(f"{url}/readyz") == (503, {"status": "unready", "reason": "The worker is stopping."})
        end.set()
        await working
    record = await flow.aget_run("r")
    assert record is not None
    assert record["status"] == "success"


async def test_a_port_that_is_taken_is_named() -> None:
    worker = FlowWorker(LightFlow(name="f", store=MemoryJournalStore()).step("a", agent=str.upper))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"cannot listen on '127.0.0.1', port {port}"):
            async with health_server(worker.unready, "127.0.0.1", port):
                pytest.fail("it listens")


def test_metrics_are_refused_where_no_engine_has_any() -> None:
    flow = LightFlow(name="f", store=MemoryJournalStore()).step("a", agent=str.upper)
    with pytest.raises(ConfigurationError, match="metrics are those of an engine"):
        FlowWorker(flow, metrics="127.0.0.1:9464")
