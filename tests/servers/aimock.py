"""CopilotKit's aimock: an OpenAI-compatible server that nobody here wrote, driven by fixtures.

The fixtures of tests/functional/fixtures/*.json are loaded at the start and at each reset; a request picks one by
a word in brackets in its last user message, such as "[one-tool]". What matches no fixture is answered 503.
"""

import http.client
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from tests.servers.child import Child, ServerError, running
from tests.servers.json_values import Json, JsonObject, as_list, as_object, parse
from tests.servers.node import find_node

PROJECT = Path(__file__).parents[2]
CLI = PROJECT / ".tools/node_modules/@copilotkit/aimock/dist/cli.js"
FIXTURES = PROJECT / "tests/functional/fixtures"
INSTALL = "npm install --prefix .tools @copilotkit/aimock@1.43.0"
START_SECONDS = 30.0
CALL_SECONDS = 30.0
END_WITH_STDIN = "data:text/javascript,process.stdin.on('end',()=>process.exit(0)).resume()"


@dataclass(frozen=True)
class JournalEntry:
    """One request as aimock saw it, and what it answered."""

    method: str
    path: str
    headers: dict[str, str]
    body: JsonObject
    status: int
    interrupted: bool
    chaos: str | None


@dataclass(frozen=True)
class Aimock:
    base_url: str
    child: Child

    def journal(self, *, status: int | None = None) -> list[JournalEntry]:
        """The requests since the last reset, oldest first."""
        query = "" if status is None else "?" + urlencode({"status": status})
        return [_entry(as_object(each)) for each in as_list(self._control("GET", f"/journal{query}"))]

    def add(self, *fixtures: JsonObject) -> None:
        """Append fixtures; an earlier one that matches wins."""
        self._control("POST", "/fixtures", {"fixtures": list(fixtures)})

    def replace(self, *fixtures: JsonObject) -> None:
        """Forget every fixture, those of the files too, and take these."""
        self._control("DELETE", "/fixtures")
        self.add(*fixtures)

    def chaos(self, **rates: float) -> None:
        """For every request: dropRate, malformedRate, disconnectRate, rateLimitRate (0 to 1), latencyMs."""
        self._control("POST", "/chaos", {**rates})

    def fail_next(self, status: int, message: str = "injected") -> None:
        """Answer the next request, whatever it is, with this error."""
        self._control("POST", "/error", {"status": status, "body": {"message": message, "type": "injected"}})

    def reset(self) -> None:
        """Back to the start: empty journal, no chaos, sequences at zero, the fixtures of the files."""
        self._control("POST", "/reset")
        self.add(*file_fixtures())

    def clear_journal(self) -> None:
        self._control("POST", "/reset/journal")

    def _control(self, method: str, path: str, body: Json = None) -> Json:
        where = urlsplit(self.child.url)
        connection = http.client.HTTPConnection(where.netloc, timeout=CALL_SECONDS)
        try:
            connection.request(method, f"/__aimock{path}", None if body is None else json.dumps(body))
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise ServerError(f"aimock refused {method} {path} with {answer.status}: {text.decode()}")
        return parse(text)


@contextmanager
def aimock_server(log: Path) -> Iterator[Aimock]:
    if not CLI.is_file():
        raise ServerError(f"aimock is not installed under {PROJECT}: {INSTALL}")
    command = [find_node(), "--import", END_WITH_STDIN, str(CLI), "--port", "0", "--strict", "--validate-on-load"]
    command += ["--fixtures", str(FIXTURES)]
    env = {**os.environ, "AIMOCK_STRICT_TURN_INDEX": "1"}
    with running("aimock", command, log=log, start_seconds=START_SECONDS, env=env) as child:
        yield Aimock(base_url=f"{child.url}/v1", child=child)


def file_fixtures() -> list[JsonObject]:
    files = sorted(FIXTURES.glob("*.json"))
    return [as_object(each) for file in files for each in as_list(as_object(parse(file.read_text()))["fixtures"])]


def _entry(raw: JsonObject) -> JournalEntry:
    response = as_object(raw["response"])
    status, body, chaos = response["status"], raw["body"], response.get("chaosAction")
    return JournalEntry(
        method=str(raw["method"]),
        path=str(raw["path"]),
        headers={name: str(value) for name, value in as_object(raw["headers"]).items()},
        body=as_object(body) if body is not None else {},
        status=status if isinstance(status, int) else 0,
        interrupted=response.get("interrupted") is True,
        chaos=None if chaos is None else str(chaos),
    )
