"""An endpoint of OpenAI's form of embeddings, in a thread; what it answers can be written down."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import TypeAlias

from lightagent.adapters.embedding.hashing import HashingEmbedder
from lightagent.domain.json_types import JsonObject
from tests.servers.in_thread import PlayServer

Answer: TypeAlias = Callable[[JsonObject], tuple[int, bytes]]
"""Makes the status and the body from the request."""


class EmbeddingServer(PlayServer):
    """Answers with vectors of words, unless a test says otherwise; `received` keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reset()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def reset(self) -> None:
        """Answer as at first."""
        self.answer: Answer = vectors_of_words
        self.received: list[JsonObject] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in mid-answer is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, EmbeddingServer)
        request: JsonObject = json.loads(self.rfile.read(int(self.headers["content-length"])))
        server.received.append(request)
        server.headers.append({name.lower(): value for name, value in self.headers.items()})
        server.paths.append(self.path)
        status, body = server.answer(request)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not on the terminal."""


def vectors_of_words(request: JsonObject) -> tuple[int, bytes]:
    """What a server with a model would answer; as OpenAI's, it refuses an empty text and lone surrogates."""
    texts = request["input"]
    assert isinstance(texts, list)
    said = [text for text in texts if isinstance(text, str)]
    if len(said) < len(texts) or not all(said) or any("\ud800" <= letter <= "\udfff" for letter in "".join(said)):
        return 400, b'{"error": {"message": "\'$.input\' is invalid.", "type": "invalid_request_error"}}'
    asked = request.get("dimensions")
    embedder = HashingEmbedder(asked if isinstance(asked, int) else 64)
    vectors = asyncio.run(embedder.embed(said))
    items = [{"object": "embedding", "index": at, "embedding": list(one)} for at, one in enumerate(vectors)]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    # Nothing says that they come in order.
    answer = {"object": "list", "model": "told", "data": items[::-1], "usage": usage}
    return 200, json.dumps(answer).encode()


@contextmanager
def embedding_server() -> Iterator[EmbeddingServer]:
    """The server, running."""
    with EmbeddingServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
