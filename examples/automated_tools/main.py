"""An OpenAPI document becomes tools, and an agent books a berth with them.

    python examples/automated_tools/main.py

The harbour is a server of this program, and the model is scripted. So it needs no key and no network.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from lightagent import ApprovalDecision, LightAgent, openapi_tools
from lightagent.domain.outcomes import Suspended
from lightagent.domain.runs.events import ApprovalRequested
from lightagent.testing import ScriptedModel, call_tool

DOCUMENT = Path(__file__).with_name("harbour.json")
KEY = "harbour-key-of-this-example"


class Harbour(BaseHTTPRequestHandler):
    """The API that the document describes."""

    def do_GET(self) -> None:
        self._answer(200, [{"name": "A 3", "length": 12}, {"name": "C 1", "length": 15.5}])

    def do_POST(self) -> None:
        booking = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(201, {"id": 1, **booking})

    def _answer(self, status: int, value: object) -> None:
        allowed = self.headers.get("X-Harbour-Key") == KEY
        print(f"  harbour: {self.command} {self.path} {'with the key' if allowed else 'without a key'}")
        self.send_response(status if allowed else 401)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(value).encode())

    def log_message(self, format: str, *args: object) -> None:
        """What is asked is printed above."""


@contextmanager
def harbour() -> Iterator[str]:
    """The address of the API while it is open."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Harbour) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def main() -> None:
    """Let the model look for a berth and book it; the booking waits for a human."""
    with harbour() as address:
        tools = openapi_tools(
            DOCUMENT,
            name="harbour",
            server=address,  # In the place of the one in the document; the key goes here and nowhere else.
            auth={"key": KEY},
            methods=["get", "post"],  # Without them, only what changes nothing.
            private_hosts=[urlsplit(address).netloc],  # Addresses of the own machine are refused otherwise.
        )
        model = ScriptedModel(
            [
                call_tool("list_berths", day="2026-06-01", min_length=10),
                call_tool("book_berth", berth="A 3", body={"ship": "Tern", "day": "2026-06-01"}),
                "A 3 is booked for the Tern on the first of June.",
            ]
        )
        agent = LightAgent(name="harbourmaster", model=model, tools=[tools])
        result = agent.run_result("Book a berth of 10 metres for the Tern on June 1st.")
        # The answer of the first call came from outside, and the second changes something: a human decides.
        assert isinstance(result.outcome, Suspended), result.outcome
        [asked] = [event for event in result.journal.events if isinstance(event, ApprovalRequested)]
        print(f"waits    {asked.request['arguments']}")
        result = agent.resume(result.journal, ApprovalDecision.approve(actor="ann"))
        for call in result.tool_calls:
            print(f"{call.name:<12} {call.output}")
        print(f"answer   {result.content}")
        assert result.tool_calls[1].status == "ok", result.tool_calls


if __name__ == "__main__":
    main()
