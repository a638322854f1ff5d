"""Plays the API of mem0's hosted service, as its client speaks it; what it was sent can be looked at."""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from lightagent.domain.json_types import JsonObject, JsonValue
from tests.servers.in_thread import PlayServer

KEY = "m0-secret"


class Platform(PlayServer):
    """The service: whoever has the key sees everything in it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.memories: dict[str, JsonObject] = {}
        self.received: list[tuple[str, JsonObject]] = []
        self.heeds_filters = True
        self.status = 200
        self.most_a_page = 1_000
        self.turns_pages = True
        self.loses_deletions = False
        self.says: JsonValue = ""
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, method: str, target: str, body: JsonObject) -> tuple[int, JsonValue]:
        parts = urlsplit(target)
        with self.lock:
            self.received.append((f"{method} {parts.path}", body))
            if self.status != 200 and parts.path != "/v1/ping/":
                return self.status, {"detail": "not now"}
            if method == "DELETE":
                return self._delete(parts.path)
            if self.says != "" and parts.path != "/v1/ping/":
                return 200, self.says
            match parts.path:
                case "/v1/ping/":
                    return 200, {"status": "ok", "org_id": "o", "project_id": "p"}
                case "/v3/memories/add/":
                    return 200, self._add(body)
                case "/v3/memories/search/":
                    return 200, {"results": self._search(body)}
                case "/v3/memories/":
                    return 200, self._page(body, parse_qs(parts.query))
                case _:
                    return 404, {"detail": f"no {target}"}

    def _add(self, body: JsonObject) -> JsonObject:
        messages = body["messages"]
        assert isinstance(messages, list)
        for message in messages:
            assert isinstance(message, dict)
            name = str(uuid4())
            own = {key: body.get(key) for key in ("user_id", "agent_id", "metadata")}
            self.memories[name] = {"id": name, "memory": message["content"], **own}
        return {"results": [], "status": "PENDING"}

    def _search(self, body: JsonObject) -> list[JsonValue]:
        query, most = str(body["query"]).lower().split(), body["top_k"]
        assert isinstance(most, int)
        found = self._fitting(body) if self.heeds_filters else self.memories.values()
        scored = [(sum(word in str(one["memory"]).lower() for word in query), one) for one in found]
        best = sorted(scored, key=lambda pair: -pair[0])[:most]
        return [one for score, one in best if score]

    def _page(self, body: JsonObject, query: dict[str, list[str]]) -> JsonObject:
        page = int(query["page"][0]) if self.turns_pages else 1
        size = min(int(query["page_size"][0]), self.most_a_page)
        found: list[JsonValue] = [*self._fitting(body)]
        return {"count": len(found), "next": None, "results": found[(page - 1) * size : page * size]}

    def _delete(self, path: str) -> tuple[int, JsonValue]:
        name = re.fullmatch(r"/v1/memories/([^/]+)/", path)
        if name is None or self.memories.pop(name[1], None) is None or self.loses_deletions:
            return 404, {"detail": "not found"}
        return 200, {"message": "deleted"}

    def _fitting(self, body: JsonObject) -> list[JsonObject]:
        return [one for one in self.memories.values() if _fits(one, body["filters"])]


def _fits(memory: JsonObject, filters: JsonValue) -> bool:
    assert isinstance(filters, dict)
    (name, value) = next(iter(filters.items()))
    if isinstance(value, list):
        return (all if name == "AND" else any)(_fits(memory, one) for one in value)
    metadata = memory["metadata"]
    assert isinstance(metadata, dict)
    if name == "metadata":
        assert isinstance(value, dict)
        return all(metadata.get(key) == wanted for key, wanted in value.items())
    return value == "*" or memory[name] == value


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, Platform)
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or b"{}")
        known = self.headers.get("authorization") == f"Token {KEY}"
        status, answer = server.answer(self.command, self.path, body) if known else (401, {"detail": "who are you?"})
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 - the names that the base class calls
    do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Not on the terminal."""


@contextmanager
def mem0_platform() -> Iterator[Platform]:
    """The service, running."""
    with Platform() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
