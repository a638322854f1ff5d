"""The processes of a comparison: the fake model's server, and one for each measurement."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from worker import Figures

HERE = Path(__file__).parent
TIMEOUT = 180
QUIET = {"AGNO_TELEMETRY": "false", "LANGSMITH_TRACING": "false", "NO_PROXY": "*", "OPENAI_API_KEY": "x"}
FOREIGN = ("OPENAI_", "LIGHTAGENT_", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "PYTHONPATH")


class MeasurementError(Exception):
    """A measurement that did not come about; the text says why."""


@contextmanager
def fake_server() -> Iterator[str]:
    """The URL of a server that ends with the block. With two cores or more, it and the measurements have one each."""
    cores = own_cores()
    use_core(cores[-1:])
    command = [sys.executable, str(HERE / "fake_server.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            if not port:
                raise SystemExit("The fake server did not start.")
            use_core(cores[:1])
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def measure(peer: str, scenario: str, url: str, size: str) -> Figures:
    """The figures of one scenario and one peer, from a fresh process.

    Raises:
        MeasurementError: it failed, or took too long.
    """
    command = [sys.executable, str(HERE / "worker.py"), peer, scenario, url, size]
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=TIMEOUT, check=False)
    except subprocess.TimeoutExpired:
        raise MeasurementError(f"it took more than {TIMEOUT} s") from None
    if done.returncode:
        raise MeasurementError(done.stderr.strip()[-600:] or f"exit code {done.returncode}")
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def environment() -> dict[str, str]:
    """The same for every library: no proxy, no telemetry, nobody's key or endpoint."""
    return {name: value for name, value in os.environ.items() if not name.upper().startswith(FOREIGN)} | QUIET


def own_cores() -> list[int]:
    """The cores this process may use, where the system lets one choose."""
    return sorted(os.sched_getaffinity(0)) if sys.platform == "linux" else []


def use_core(cores: list[int]) -> None:
    """Keep to these cores from now on, and with us the processes that we start."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, cores)


def raise_file_limit() -> None:
    """A thousand connections need as many open files, on both sides."""
    try:
        import resource
    except ImportError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4096 if hard == resource.RLIM_INFINITY else min(4096, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
