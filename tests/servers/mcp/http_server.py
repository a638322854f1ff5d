"""The faulty MCP server over streamable HTTP. Sessions are those of this process: after a restart it knows none."""

import http.server
import json
import sys
import threading
import uuid
from queue import Queue
from typing import ClassVar

from tests.servers.mcp.faulty import Faulty, Message, options


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    faulty: Faulty
    sessions: ClassVar[set[str]] = set()
    uses: ClassVar[dict[str, int]] = {}

    def do_POST(self) -> None:
        message: Message = json.loads(self.rfile.read(int(self.headers["content-length"])))
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
        self.answer(405, None)

    def do_DELETE(self) -> None:
        self.answer(200, None)

    def log_message(self, format: str, *args: object) -> None:
        """No log."""


def main() -> None:
    """Serve until the input ends."""
    given = options()
    Handler.faulty = Faulty(given)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", given.port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"listening on http://127.0.0.1:{server.server_port}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
