"""`lightagent worker --engine temporal` as it is deployed: probes, metrics, the queues of tenants, and limits."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from temporalio import activity

from lightagent import LightAgent, LightFlow
from lightagent.adapters.engines.temporal.connection import Place
from lightagent.adapters.engines.temporal.engine import TemporalEngine
from lightagent.application.flow.step_context import StepContext
from lightagent.domain.conversation.deltas import Delta
from lightagent.domain.errors import ConfigurationError
from lightagent.flow_worker import FlowWorker
from lightagent.ports.models import ChatModel, ChatRequest
from lightagent.testing import ScriptedModel
from tests.servers.child import free_port
from tests.servers.temporal_server import TemporalServer, temporal_server

FILE = Path(__file__).parents[1] / "support/layered_flow.py"
LONG = 60.0


@asynccontextmanager
async def worker(folder: Path, address: str, options: str) -> AsyncIterator[Process]:
    config = folder / "lightagent.toml"
    config.write_text(
        f'[default.flow.engine]\nkind = "temporal"\naddress = "{address}"\n[default.flow.worker]\n{options}'
    )
    command = [sys.executable, "-m", "lightagent", "worker", f"{FILE}:layered", "--config", str(config)]
    process = await asyncio.create_subprocess_exec(*command, stderr=PIPE)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


async def status(client: aiohttp.ClientSession, url: str) -> tuple[int, str]:
    try:
        async with client.get(url) as response:
            return response.status, await response.text()
    except aiohttp.ClientError:
        return 0, ""


async def until(client: aiohttp.ClientSession, url: str, wanted: int) -> str:
    """What is answered once the status is this one."""
    async with asyncio.timeout(LONG):
        while True:
            found, text = await status(client, url)
            if found == wanted:
                return text
            await asyncio.sleep(0.1)


@pytest.mark.needs("temporal")
@pytest.mark.timeout(180)
async def test_a_worker_tells_probes_and_prometheus_how_it_is(tmp_path: Path) -> None:
    health, metrics = free_port(), free_port()
    with temporal_server(tmp_path) as server:
        options = f"steps = 7\nhealth_port = {health}\nmetrics_port = {metrics}\n"
        async with worker(tmp_path, server.address, options) as process, aiohttp.ClientSession() as client:
            await until(client, f"http://127.0.0.1:{health}/readyz", 200)
            text = await until(client, f"http://127.0.0.1:{metrics}/metrics", 200)
            assert 'temporal_worker_task_slots_available{namespace="default"' in text, text
            slots = [line for line in text.splitlines() if "slots_available" in line and "ActivityWorker" in line]
            assert slots, text
            assert slots[0].endswith(" 7"), "the limit of the settings"
            os.killpg(server.child.pid, signal.SIGKILL)
            told = await until(client, f"http://127.0.0.1:{health}/readyz", 503)
            assert "The Temporal server does not answer." in told
            assert (await status(client, f"http://127.0.0.1:{health}/healthz"))[0] == 200
            process.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(process.wait(), LONG) == 0


async def test_a_tenant_has_workers_of_its_own(temporal: TemporalServer) -> None:
    def engine(queue: str = "shared", **tenants: str) -> TemporalEngine:
        place = Place(temporal.address, "default")
        return TemporalEngine(place, task_queue=queue, tenant_queues=tenants, prefix="own:", patience=0.5)

    def orders(on: TemporalEngine) -> LightFlow:
        return LightFlow(engine=on, name="orders").step("a", agent=lambda query: activity.info().task_queue)

    workers = [FlowWorker(orders(engine(queue)), grace_seconds=0) for queue in ("shared", "of-acme")]
    working = [asyncio.create_task(one.arun()) for one in workers]
    waiting = TemporalEngine(
        Place(temporal.address, "default"),
        task_queue="shared",
        tenant_queues={"acme": "of-acme"},
        prefix="own:",
        patience=60,
    )
    caller = orders(waiting)
    assert (await caller.arun("x", run_id="r", tenant="acme")).content == "of-acme/orders"
    assert (await caller.arun("x", run_id="r", tenant="globex")).content == "shared/orders"
    with pytest.raises(ConfigurationError, match="no worker polls the queue 'of-initech/orders'"):
        await orders(engine(initech="of-initech")).arun("x", run_id="r", tenant="initech")
    for one in workers:
        one.stop()
    await asyncio.gather(*working)


async def test_so_many_requests_to_models_go_on_at_once_on_a_worker(temporal: TemporalServer) -> None:
    class Counting(ChatModel):
        name = "counting"
        now = most = 0

        async def stream(self, request: ChatRequest) -> AsyncIterator[Delta]:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.1)
            self.now -= 1
            async for delta in ScriptedModel("done").stream(request):
                yield delta

        async def aclose(self) -> None:
            """There is nothing to close."""

    model = Counting()
    engine = TemporalEngine(Place(temporal.address, "default"), task_queue="calls", prefix="calls:", patience=60)
    flow = LightFlow(engine=engine, name="f")
    for number in range(8):
        flow.step(f"s{number}", agent=LightAgent(model=model))
    made = FlowWorker(flow, max_model_calls=2, grace_seconds=0)
    working = asyncio.create_task(made.arun())
    assert (await flow.arun("x", run_id="r")).status == "success"
    assert model.most == 2
    made.stop()
    await working
    await engine.aclose()


async def test_a_second_stop_interrupts_what_is_in_hand_and_another_worker_has_it(temporal: TemporalServer) -> None:
    engine = TemporalEngine(Place(temporal.address, "default"), task_queue="hurried", prefix="hurried:", patience=60)
    began, calls = asyncio.Event(), list[int]()

    async def work(query: str, context: StepContext) -> str:
        calls.append(context.attempt)
        began.set()
        await asyncio.sleep(600 if len(calls) == 1 else 0)
        return "done"

    flow = LightFlow(engine=engine, name="f").step("a", agent=work)
    first = FlowWorker(flow, grace_seconds=600)
    working = asyncio.create_task(first.arun())
    run = asyncio.create_task(flow.arun("x", run_id="r"))
    await began.wait()
    first.stop()
    assert await first.unready() == "The worker is stopping."
    await asyncio.wait((working,), timeout=2)
    assert not working.done(), "the step may end within the grace"
    first.stop()
    await asyncio.wait_for(working, LONG)
    second = FlowWorker(flow, grace_seconds=0)
    working = asyncio.create_task(second.arun())
    assert (await run).content == "done"
    assert calls == [1, 1], "it keeps its number, and does not count as lost"
    second.stop()
    await working
    await engine.aclose()
