"""Neo4j's own server, from its Maven artifacts: whoever starts it again on the same folder finds everything there."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers.child import Child, ServerError, free_port, running

ROOT = Path(__file__).parents[3]
JARS = ROOT / ".tools/neo4j"
PROGRAM = Path(__file__).with_name("Server.java")
TIED = Path(__file__).parents[1] / "tied_child.py"
OPENED = [f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in ("java.nio", "java.lang", "sun.nio.ch")]
START_SECONDS = 120.0
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Neo4jServer:
    """`url` is for the driver, without a login; `child` is None where somebody else started it."""

    url: str
    child: Child | None


@contextmanager
def neo4j_server(folder: Path, *, port: int | None = None) -> Iterator[Neo4jServer]:
    """Start it on what is in `folder`, wait until it accepts connections, and stop it in order at the end."""
    if not JARS.is_dir():
        raise ServerError(f"{JARS} is missing: `make test-heavy` fetches it")
    port = port or free_port()
    java = ["java", *OPENED, "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", f"{JARS}/*", str(PROGRAM)]
    command = [sys.executable, str(TIED), str(port), *java, str(folder / "data"), str(port)]
    log = folder / "server.log"
    with running("neo4j", command, log=log, start_seconds=START_SECONDS, stop_seconds=STOP_SECONDS) as child:
        yield Neo4jServer(f"bolt://127.0.0.1:{port}", child)


def kill(server: Neo4jServer) -> None:
    """End it and its Java in the middle of what they do."""
    if server.child is not None:
        os.killpg(server.child.pid, signal.SIGKILL)
