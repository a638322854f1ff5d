"""Flows on Temporal whose server and a worker are killed: all runs end right, and no finished step is repeated."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import repeat
from pathlib import Path

import pytest

from lightagent.adapters.engines.temporal import runs
from lightagent.adapters.engines.temporal.connection import Place
from lightagent.adapters.engines.temporal.engine import TemporalEngine
from lightagent.adapters.engines.temporal.starting import AlreadyOpen
from lightagent.application.flow.step_result import LightFlowResult
from lightagent.domain.errors import StoreError
from lightagent.domain.flow.events import AttemptFinished, AttemptStarted
from lightagent.domain.scopes import Scope
from lightagent.ports.flow_engine import FlowRun
from tests.servers.child import free_port
from tests.servers.temporal_server import temporal_server
from tests.support.layered_flow import NOTES, PAUSE, STEPS, layered, noted

RUNS = int(os.environ.get("TEST_TEMPORAL_RUNS", "60"))
"""`make soak` and whoever has the time says how many; 500 take some minutes."""
FLOW = f"{Path(__file__).parents[1] / 'support/layered_flow.py'}:layered"
TENANT, USER = "acme", "ann"
_LOGGER = logging.getLogger(__name__)


@contextmanager
def worker(folder: Path, address: str, number: int) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process; its log is in the folder."""
    config = folder / "lightagent.toml"
    config.write_text(f'[default.flow.engine]\nkind = "temporal"\naddress = "{address}"\nheartbeat = 5\n')
    command = [sys.executable, "-m", "lightagent", "worker", FLOW, "--config", str(config), "--grace", "5"]
    command += ["--engine", "temporal", "--steps", "20"]
    settings = {**os.environ, NOTES: str(folder / "notes"), PAUSE: "0.05"}
    with (folder / f"worker{number}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=settings)
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(20)
        process.kill()
        process.wait()


async def until_noted(notes: Path, share: float) -> None:
    """Wait until so many of all steps have ended."""
    for pause in repeat(0.1):
        if sum(what == "ends" for _, _, what, _ in noted(notes)) >= share * RUNS * len(STEPS):
            return
        await asyncio.sleep(pause)


async def carried_out(engine: TemporalEngine, number: int) -> LightFlowResult:
    """One run to its end; a caller who was told that the server is away looks whether the run is there by now."""
    flow, run_id = layered(engine), f"run {number}"
    is_first = True
    while True:
        try:
            if is_first or not await engine.events(FlowRun(Scope(TENANT, USER), run_id)):
                is_first = False
                return await flow.arun("go", run_id=run_id, tenant=TENANT, user_id=USER)
            return await flow.aresume(run_id, tenant=TENANT, user_id=USER)
        except StoreError as error:
            _LOGGER.info("%s: %s", run_id, error)
            await asyncio.sleep(1.0)
        except AlreadyOpen:  # It was begun, although the caller was told that the server does not answer.
            continue


@pytest.mark.needs("temporal")
@pytest.mark.timeout(300 + 3 * RUNS)
async def test_runs_end_right_while_the_server_and_workers_are_killed(tmp_path: Path) -> None:
    port, notes = free_port(), tmp_path / "notes"
    address = f"127.0.0.1:{port}"
    engine = TemporalEngine(Place(address, "default"), heartbeat=5, patience=60)
    with (
        temporal_server(tmp_path, port=port) as server,
        worker(tmp_path, address, 1) as first,
        worker(tmp_path, address, 2),
        worker(tmp_path, address, 3),
    ):
        runs = [asyncio.create_task(carried_out(engine, number)) for number in range(RUNS)]
        await until_noted(notes, 0.2)
        first.send_signal(signal.SIGKILL)
        await until_noted(notes, 0.5)
        os.killpg(server.child.pid, signal.SIGKILL)
        with temporal_server(tmp_path, port=port):
            results = await asyncio.gather(*runs)
            await check(engine, results, notes)
    await engine.aclose()


async def check(engine: TemporalEngine, results: Sequence[LightFlowResult], notes: Path) -> None:
    """Every run has its result, and its record accounts for every time that a step was begun."""
    begun = Counter((run, step) for run, step, what, _ in noted(notes) if what == "begins")
    last = {(run, step): at for run, step, what, at in noted(notes) if what == "begins"}
    for number, result in enumerate(results):
        assert (result.status, result.content) == ("success", "e after 9"), result.to_dict()
        events = await engine.events(FlowRun(Scope(TENANT, USER), f"run {number}"))
        intents = Counter(event.path for event in events if isinstance(event, AttemptStarted))
        ends = Counter(event.path for event in events if isinstance(event, AttemptFinished))
        assert ends == Counter(STEPS)
        ended = {event.path: event.at for event in events if isinstance(event, AttemptFinished)}
        for step in STEPS:
            key = f"run {number}", step
            assert 1 <= begun[key] <= intents[step], (key, begun[key], intents[step])
            assert last[key] <= ended[step], (key, "was begun again although its result was on record")


@pytest.mark.needs("temporal")
async def test_a_caller_is_told_that_no_worker_takes_up_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server still lists the worker that was killed, so the run is begun."""
    monkeypatch.setattr(runs, "_UNTAKEN", 2.0)
    monkeypatch.setattr(runs, "_LOOK", 0.5)
    port = free_port()
    address = f"127.0.0.1:{port}"
    engine = TemporalEngine(Place(address, "default"), heartbeat=5, patience=60)
    with temporal_server(tmp_path, port=port):
        with worker(tmp_path, address, 1) as only:
            assert (await layered(engine).arun("go", run_id="first")).status == "success"
            only.send_signal(signal.SIGKILL)
        with pytest.raises(StoreError, match="No worker") as told:
            await layered(engine).arun("go", run_id="second")
        assert told.value.retryable
    await engine.aclose()
