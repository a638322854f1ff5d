"""The processes of `temporal_flows.py`: a server of Temporal's, and those of each library that work and drive."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from peers.temporal_runs import Batch, Taken
from processes import HERE, environment

START_SECONDS = 60.0
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


@dataclass(frozen=True)
class Server:
    """A server that runs."""

    address: str
    pid: int


def cpu_seconds(pid: int) -> float:
    """The CPU that a process has taken, with all its threads; 0 where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def server(program: str, folder: Path) -> Iterator[Server]:
    """Start it on a file in the folder; it ends with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"127.0.0.1:{port}"
    command = [program, "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(port)]
    command += ["--log-level", "error", "--db-filename", str(folder / "temporal.db")]
    with (folder / "server.log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            _wait_until_it_answers(program, address)
            yield Server(address, process.pid)
        finally:
            process.kill()


def _wait_until_it_answers(program: str, address: str) -> None:
    command = [program, "operator", "namespace", "describe", "--namespace", "default", "--address", address]
    until = time.monotonic() + START_SECONDS
    while subprocess.run(command, capture_output=True, check=False, timeout=START_SECONDS).returncode:
        if time.monotonic() > until:
            raise SystemExit(f"{program} did not start within {START_SECONDS:g} s.")
        time.sleep(0.3)


class Peer:
    """A library whose workers run, and whose runs are driven by one process more."""

    def __init__(self, workers: Sequence[subprocess.Popen[str]], driver: subprocess.Popen[str]) -> None:
        self._workers = workers
        self._driver = driver

    def carry_out(self, batch: Batch) -> Taken:
        """What a batch of runs takes."""
        assert self._driver.stdin is not None
        assert self._driver.stdout is not None
        print(json.dumps(asdict(batch)), file=self._driver.stdin, flush=True)
        line = self._driver.stdout.readline()
        if not line:
            raise SystemExit(f"The runs of {batch.name} did not end well.")
        return Taken(**json.loads(line))

    def cpu_seconds(self) -> float:
        """The CPU that its workers have taken."""
        return sum(cpu_seconds(worker.pid) for worker in self._workers)


@contextmanager
def peer(name: str, python: str, address: str, workers: int) -> Iterator[Peer]:
    """The processes of a library; they end with the block."""
    script = str(HERE / f"peers/temporal_{name}.py")
    paths = [
        str(HERE),
        *([os.environ["PYTHONPATH"]] if python == sys.executable and "PYTHONPATH" in os.environ else []),
    ]
    settings = environment() | {"PYTHONPATH": os.pathsep.join(paths)}
    settings.pop("PYTHONDONTWRITEBYTECODE", None)  # Temporal's sandbox imports modules for each run.
    with ExitStack() as stack:

        def started(what: str) -> subprocess.Popen[str]:
            pipe = subprocess.PIPE if what == "drive" else subprocess.DEVNULL
            process = subprocess.Popen(
                [python, script, what, address], stdin=pipe, stdout=pipe, text=True, env=settings
            )
            stack.callback(process.wait)
            stack.callback(process.kill)
            return process

        yield Peer([started("work") for _ in range(workers)], started("drive"))
