"""Arize Phoenix in an environment of its own: a backend of traces that takes OTLP over HTTP and gRPC."""

import http.client
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from tests.servers.child import Child, ServerError, free_port, running
from tests.servers.json_values import JsonObject, as_list, as_object, parse
from tests.servers.polling import ticks

PROGRAM = Path(__file__).parents[2] / ".tools/phoenix/bin/phoenix"
TIED = Path(__file__).with_name("tied_child.py")
START_SECONDS = 180.0
STOP_SECONDS = 30.0
CALL_SECONDS = 30.0
SPANS_SECONDS = 60.0
PAUSE_SECONDS = 0.2
PROJECT_ATTRIBUTE = "openinference.project.name"
"""The attribute of a resource by which Phoenix tells projects apart."""


@dataclass(frozen=True)
class PhoenixServer:
    """`http_traces` and `grpc_traces` are where exporters send spans to; `url` is its web page."""

    url: str
    http_traces: str
    grpc_traces: str
    child: Child

    def spans(self, project: str, done: Callable[[list[JsonObject]], bool]) -> list[JsonObject]:
        """Those of the project, once `done` finds them complete: Phoenix keeps spans a while after it took them."""
        found: list[JsonObject] = []
        for _ in ticks(SPANS_SECONDS):
            found = self._spans(project)
            if done(found):
                return found
            time.sleep(PAUSE_SECONDS)
        said = json.dumps(found, indent=1)[-4_000:]
        raise ServerError(f"phoenix did not have all spans of {project} within {SPANS_SECONDS:g} s: {said}")

    def get(self, path: str) -> tuple[int, JsonObject]:
        """The status and the JSON of an answer."""
        connection = http.client.HTTPConnection(self.url.removeprefix("http://"), timeout=CALL_SECONDS)
        try:
            connection.request("GET", path, headers={"accept": "application/json"})
            answer = connection.getresponse()
            body = answer.read().decode()
        finally:
            connection.close()
        return answer.status, as_object(parse(body)) if answer.status == 200 else {}

    def _spans(self, project: str) -> list[JsonObject]:
        status, answer = self.get(f"/v1/projects/{quote(project, safe='')}/spans?limit=1000")
        if status == 404:  # It comes into being with its first span.
            return []
        if status != 200:
            raise ServerError(f"phoenix answered {status} when it was asked for spans.\n{self.child.log_tail()}")
        return [as_object(span) for span in as_list(answer["data"])]


@contextmanager
def phoenix_server(folder: Path) -> Iterator[PhoenixServer]:
    """Start it on an empty folder, wait until it takes spans, and stop it at the end."""
    if not PROGRAM.is_file():
        raise ServerError(f"{PROGRAM} is missing: `make test-heavy` installs it")
    port, grpc_port = free_port(), free_port()
    env = {
        **os.environ,
        "PHOENIX_WORKING_DIR": str(folder),
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(port),
        "PHOENIX_GRPC_PORT": str(grpc_port),
        "PHOENIX_TELEMETRY_ENABLED": "false",
        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
    }
    command = [sys.executable, str(TIED), str(port), str(PROGRAM), "serve"]
    log = folder / "server.log"
    with running("phoenix", command, log=log, start_seconds=START_SECONDS, stop_seconds=STOP_SECONDS, env=env) as child:
        yield PhoenixServer(child.url, f"{child.url}/v1/traces", f"http://127.0.0.1:{grpc_port}", child)
