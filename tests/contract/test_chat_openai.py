"""The certificate of chat/openai, over each of its transports, against a server that answers what it is told."""

import json
import threading
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler
from queue import SimpleQueue
from typing import ClassVar

import pytest

from lightagent.domain.conversation.messages import AssistantMessage
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.testing.contracts.chat_model import ChatModelContract
from tests.servers.in_thread import PlayServer


class ToldServer(PlayServer):
    """Answers each request with the next reply it was told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ToldHandler)
        self.replies: SimpleQueue[AssistantMessage] = SimpleQueue()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def tell(self, *replies: AssistantMessage) -> None:
        for reply in replies:
            self.replies.put(reply)


class ToldHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        assert isinstance(self.server, ToldServer)
        reply = self.server.replies.get(timeout=30)
        if request.get("stream"):
            self.send("text/event-stream", b"".join(events(reply)))
        else:
            self.send("application/json", json.dumps(answer("message", message(reply), reply)).encode())

    def send(self, content_type: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not on the terminal."""


def message(reply: AssistantMessage) -> JsonObject:
    return reply.to_openai() | {"refusal": None}


def answer(part: str, content: JsonObject, reply: AssistantMessage | None) -> JsonObject:
    reason = None if reply is None else "tool_calls" if reply.tool_calls else "stop"
    choice: JsonObject = {"index": 0, part: content, "finish_reason": reason}
    usage: JsonObject = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}
    return {"id": "chatcmpl-1", "model": "told", "choices": [choice], "usage": usage if reply is not None else None}


def events(reply: AssistantMessage) -> Iterator[bytes]:
    pieces: list[JsonObject] = [{"role": "assistant", "content": ""}]
    pieces += [{"content": character} for character in reply.content or ""]
    for index, call in enumerate(reply.tool_calls):
        head: JsonValue = {"name": call.name, "arguments": ""}
        pieces.append({"tool_calls": [{"index": index, "id": call.id, "type": "function", "function": head}]})
        for character in call.arguments:
            pieces.append({"tool_calls": [{"index": index, "function": {"arguments": character}}]})
    for piece in pieces:
        yield b"data: " + json.dumps(answer("delta", piece, None)).encode() + b"\n\n"
    yield b"data: " + json.dumps(answer("delta", {}, reply)).encode() + b"\n\ndata: [DONE]\n\n"


@pytest.fixture(scope="module")
def told_server() -> Iterator[ToldServer]:
    with ToldServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


class TestOpenAI(ChatModelContract):
    kind = "openai"
    transport: ClassVar[str] = "aiohttp"

    @pytest.fixture(autouse=True)
    def backend(self, told_server: ToldServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("OPENAI_API_KEY", raising=False)
        told_server.replies = SimpleQueue()
        self.told = told_server

    def prepare(self, *replies: AssistantMessage) -> Mapping[str, object]:
        self.told.tell(*replies)
        return {"model": "told", "base_url": self.told.base_url, "transport": self.transport}


@pytest.mark.openai
class TestOpenAIThroughTheSdk(TestOpenAI):
    kind = "openai"
    transport = "sdk"
