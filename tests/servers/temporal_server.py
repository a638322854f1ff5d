"""Temporal's own server, on a file: whoever starts it again on the same folder finds every workflow there."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.child import Child, ServerError, free_port, running
from tests.servers.polling import ticks

PROGRAM = Path(__file__).parents[2] / ".tools/bin/temporal"
TIED = Path(__file__).with_name("tied_child.py")
START_SECONDS = 30.0
STOP_SECONDS = 15.0
NAMESPACE = "default"


@dataclass(frozen=True)
class TemporalServer:
    """`address` is for `temporalio.client.Client.connect`; killing the process group of `child` is a crash."""

    address: str
    child: Child


@contextmanager
def temporal_server(folder: Path, *options: str, port: int | None = None) -> Iterator[TemporalServer]:
    """Start it on the file in `folder`, wait until it answers, and stop it in order at the end.

    Args:
        options: further ones of `temporal server start-dev`.
    """
    if not PROGRAM.is_file():
        raise ServerError(f"{PROGRAM} is missing: `make test-heavy` builds it")
    port = port or free_port()
    command = [sys.executable, str(TIED), str(port), str(PROGRAM), "server", "start-dev", "--headless"]
    command += ["--ip", "127.0.0.1", "--port", str(port), "--log-level", "error"]
    command += ["--db-filename", str(folder / "temporal.db"), *options]
    log = folder / "server.log"
    with running("temporal", command, log=log, start_seconds=START_SECONDS, stop_seconds=STOP_SECONDS) as child:
        server = TemporalServer(f"127.0.0.1:{port}", child)
        _wait_until_it_answers(server)
        yield server


def _wait_until_it_answers(server: TemporalServer) -> None:
    """The port is open before the namespace is there."""
    command = [str(PROGRAM), "operator", "namespace", "describe", "--namespace", NAMESPACE, "--address", server.address]
    said = ""
    for pause in ticks(START_SECONDS):
        asked = subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS, check=False)
        if asked.returncode == 0:
            return
        said = asked.stderr
        time.sleep(pause)
    raise ServerError(f"temporal did not answer within {START_SECONDS:g} s: {said}\n{server.child.log_tail()}")
