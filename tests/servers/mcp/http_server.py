"""The faulty MCP server over streamable HTTP and over SSE. Its sessions are those of the process, and end with it."""

import http.server
import json
import sys
import threading
import uuid
from queue import Queue
from typing import ClassVar

from tests.servers.in_thread import PlayServer
from tests.servers.mcp.faulty import Faulty, Message, options

GATEWAY_BODIES = {
    "html": ("text/html", b"<h1>Bad Gateway</h1>"),
    "json": ("application/json", b'{"message": "Internal server error"}'),
    "message": ("application/json", b'{"jsonrpc": "2.0", "id": null, "error": {"code": -32603, "message": "broken"}}'),
}
"""What a gateway answers in the server's place, under the names that the tool `gateway` is called with."""


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    faulty: Faulty
    sessions: ClassVar[set[str]] = set()
    streams: ClassVar[dict[str, Queue[Message]]] = {}
    uses: ClassVar[dict[str, int]] = {}

    def do_POST(self) -> None:
        message: Message = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if message.get("method") == "tools/call" and message["params"]["name"] == "gateway":
            self.answer_as_gateway(message["params"]["arguments"])
            return
        if self.path.startswith("/messages"):
            stream = self.streams.get(self.path.rpartition("=")[2])
            self.answer(202 if stream is not None else 404, None)
            if stream is not None:
                self.faulty.take(message, stream.put)
            return
        if not self.is_let_in():
            self.answer(401, {})
            return
        session = self.headers.get("mcp-session-id")
        if session and session not in self.sessions:
            self.answer(404, {"jsonrpc": "2.0", "id": None, "error": {"code": -32001, "message": "Session not found"}})
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        answers: Queue[Message] = Queue()
        self.faulty.take(message, answers.put, headers)
        if "id" not in message or "method" not in message:
            self.answer(202, None)
        elif self.faulty.given.json:
            self.answer(200, answers.get(), new=message["method"] == "initialize")
        else:
            self.stream(answers, message["id"], new=message["method"] == "initialize")

    def answer_as_gateway(self, arguments: Message) -> None:
        """The call takes effect, and its answer is lost on the way back."""
        self.faulty.effect("gateway")
        kind, body = GATEWAY_BODIES[arguments["text"]]
        self.send_response(int(arguments["number"]))
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def is_let_in(self) -> bool:
        """Whether the request's token still holds."""
        limit: int = self.faulty.given.tokens
        token = self.headers.get("authorization", "")
        self.uses[token] = self.uses.get(token, 0) + 1
        return not limit or self.uses[token] <= limit

    def stream(self, answers: "Queue[Message]", ident: object, *, new: bool) -> None:
        self.send_response(200)
        self.begin("text/event-stream", new=new)
        self.send_header("connection", "close")
        self.end_headers()
        while True:
            message = answers.get()
            self.wfile.write(f"event: message\ndata: {json.dumps(message)}\n\n".encode())
            self.wfile.flush()
            if message.get("id") == ident and "method" not in message:
                self.close_connection = True
                return

    def answer(self, status: int, body: "Message | None", *, new: bool = False) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.begin("application/json", new=new)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def begin(self, kind: str, *, new: bool) -> None:
        self.send_header("content-type", kind)
        if new:
            session = uuid.uuid4().hex
            self.sessions.add(session)
            self.faulty.effect("session")
            self.send_header("mcp-session-id", session)

    def do_GET(self) -> None:
        """The stream of the SSE era: it says first where messages go."""
        if self.path != "/sse":
            self.answer(405, None)
            return
        name = uuid.uuid4().hex
        messages = self.streams[name] = Queue()
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(f"event: endpoint\ndata: /messages?session={name}\n\n".encode())
        while True:
            self.wfile.write(f"event: message\ndata: {json.dumps(messages.get())}\n\n".encode())
            self.wfile.flush()

    def do_DELETE(self) -> None:
        self.answer(200, None)

    def log_message(self, format: str, *args: object) -> None:
        """No log."""


def main() -> None:
    """Serve until the input ends."""
    given = options()
    Handler.faulty = Faulty(given)
    server = PlayServer(("127.0.0.1", given.port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"listening on http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
