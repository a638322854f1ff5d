"""The commands about flows on Temporal, as they are typed, with the engine in the settings."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from lightagent.entrypoints.cli.app import app
from tests.servers.polling import ticks
from tests.servers.temporal_server import TemporalServer
from tests.support import asking_flow

FILE = Path(asking_flow.__file__)
LONG = 60.0


def settings(folder: Path, address: str) -> Path:
    """Settings with the engine, which they name in one table."""
    place = folder / "lightagent.toml"
    table = f'kind = "temporal"\naddress = "{address}"\nheartbeat = 5\npatience = 120\nprefix = "{folder.name}:"\n'
    place.write_text(f'[default.flow.engine]\n{table}task_queue = "{folder.name}"\n')
    return place


@contextmanager
def worker(config: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "lightagent", "worker", f"{FILE}:{name}", "--config", str(config)]
    told = {**os.environ, asking_flow.BEGAN: str(config.parent / "began")}
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=told)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stderr is not None:
            process.stderr.close()


def typed(config: Path, command: str, *arguments: str, flow: str = "asking") -> Result:
    return CliRunner().invoke(app, ["flow", command, f"{FILE}:{flow}", *arguments, "--config", str(config)])


@pytest.mark.timeout(300)
def test_a_run_is_begun_listed_approved_and_resumed_and_its_worker_stops_on_a_signal(
    temporal: TemporalServer, tmp_path: Path
) -> None:
    config = settings(tmp_path, temporal.address)
    with worker(config, "asking") as process:
        run = typed(config, "run", "Ann", "--run-id", "letter")
        assert run.exit_code == 3, run.output
        assert "letter" in typed(config, "list").output
        shown = typed(config, "show", "letter")
        assert "waiting_approval" in shown.output, shown.output
        approved = typed(config, "approve", "letter", "send")
        assert approved.exit_code == 0, approved.output
        resumed = typed(config, "resume", "letter", "--json")
        assert json.loads(resumed.stdout)["content"] == "IT IS SENT", resumed.output
        assert typed(config, "run", "Bob", "--run-id", "other").exit_code == 3
        assert typed(config, "cancel", "other").exit_code == 0
        assert "cancelled" in typed(config, "show", "other").output
        process.send_signal(signal.SIGTERM)
        assert process.wait(LONG) == 0


@pytest.mark.timeout(300)
def test_a_step_that_may_not_be_repeated_has_failed_when_its_worker_is_killed(
    temporal: TemporalServer, tmp_path: Path
) -> None:
    config = settings(tmp_path, temporal.address)
    command = [sys.executable, "-m", "lightagent", "flow", "run", f"{FILE}:fragile", "x", "--run-id", "r", "--json"]
    with worker(config, "fragile") as first:
        caller = subprocess.Popen([*command, "--config", str(config)], stdout=subprocess.PIPE, text=True)
        for pause in ticks(LONG):
            if (tmp_path / "began").exists():
                break
            time.sleep(pause)
        first.kill()
    with worker(config, "fragile"):
        told, _ = caller.communicate(timeout=LONG)
    result = json.loads(told)
    assert result["status"] == "failed"
    assert "whether its effect happened is unknown" in result["steps"][0]["error"]["message"]
    assert caller.returncode == 1


@pytest.mark.timeout(300)
def test_a_command_ends_with_its_own_code_however_soon_after_the_servers_last_answer(
    temporal: TemporalServer, tmp_path: Path
) -> None:
    """A thread of the SDK that was within Python at the end of the process ended one of five with SIGABRT."""
    program = tmp_path / "program.py"
    program.write_text(
        "import asyncio, sys\n"
        "from lightagent.adapters.engines.temporal.connection import Connection, Place\n"
        "async def ask():\n"
        "    await (await Connection(Place(sys.argv[1], 'default')).client()).service_client.check_health()\n"
        "asyncio.run(ask())\n"
    )
    command = [sys.executable, str(program), temporal.address]
    codes = [subprocess.run(command, timeout=LONG, check=False, capture_output=True).returncode for _ in range(12)]
    assert codes == [0] * 12
