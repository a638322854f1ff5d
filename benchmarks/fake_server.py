"""A small and fast stand-in for an OpenAI-compatible endpoint: `python benchmarks/fake_server.py`.

It listens on a free port of 127.0.0.1 and prints it. How it answers is said by the first part of the path, so that any
client can be told through its base URL: `http://127.0.0.1:PORT/turns=3,wait=100/v1`. It is no HTTP server to build on:
one request at a time on a connection, with a Content-Length.
"""

import asyncio
import json
import re
import time
from functools import cache
from typing import NamedTuple

JSON_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
USAGE = {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}


class Behaviour(NamedTuple):
    """How a request is answered."""

    turns: int = 0  # turns that call a tool, before the one that answers; only if the request has tools
    wait: int = 0  # ms before the answer
    chunks: int = 20  # pieces of text in a stream
    gap: int = 1  # ms between them
    stamp: int = 0  # 1: each piece tells when it was sent, as `@NANOSECONDS@` of the monotonic clock


class FakeServer(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._received = b""
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        if not end or (length and len(body) < int(length[1])):
            return
        self._received = b""
        behaviour = parse(head.split(b" ", 2)[1])
        asyncio.get_running_loop().call_later(behaviour.wait / 1000, self._answer, body, behaviour)

    def _answer(self, body: bytes, behaviour: Behaviour) -> None:
        request = json.loads(body)
        if request.get("stream"):
            self._write(STREAM_HEAD + FIRST_EVENT + piece(behaviour))
            self._stream(behaviour.chunks - 1, behaviour)
            return
        done = sum(message["role"] == "tool" for message in request["messages"])
        calls_tool = request.get("tools") and done < behaviour.turns
        answer = tool_call(done, request["tools"][0]["function"]["name"]) if calls_tool else TEXT
        self._write(JSON_HEAD % len(answer) + answer)

    def _stream(self, left: int, behaviour: Behaviour) -> None:
        if left:
            self._write(piece(behaviour))
            asyncio.get_running_loop().call_later(behaviour.gap / 1000, self._stream, left - 1, behaviour)
        else:
            self._write(LAST_EVENT + b"0\r\n\r\n")

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


@cache
def parse(path: bytes) -> Behaviour:
    """The behaviour that a path asks for."""
    return Behaviour(**{name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", path.decode())})


def envelope(kind: str, part: str, content: dict[str, object], finish: str | None, usage: bool = True) -> bytes:
    """A completion, or a chunk of one."""
    choice = {"index": 0, part: content, "finish_reason": finish, "logprobs": None}
    known = {"id": "chatcmpl-1", "object": kind, "created": 1700000000, "model": "fake"}
    return json.dumps({**known, "choices": [choice], "usage": USAGE if usage else None}).encode()


def tool_call(number: int, name: str) -> bytes:
    """A completion that asks for one call."""
    function = {"name": name, "arguments": '{"a":1,"b":2}'}
    call = {"id": f"call_{number}", "type": "function", "function": function}
    return envelope(
        "chat.completion", "message", {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
    )


def event(delta: dict[str, object], finish: str | None = None, more: bytes = b"") -> bytes:
    """A server-sent event in a chunk of HTTP."""
    data = b"data: " + envelope("chat.completion.chunk", "delta", delta, finish, usage=finish is not None) + b"\n\n"
    return b"%x\r\n%b\r\n" % (len(data + more), data + more)


def piece(behaviour: Behaviour) -> bytes:
    """One piece of text."""
    return event({"content": f"@{time.monotonic_ns()}@"}) if behaviour.stamp else TEXT_EVENT


TEXT = envelope("chat.completion", "message", {"role": "assistant", "content": "The answer is 3."}, "stop")
FIRST_EVENT = event({"role": "assistant", "content": ""})
TEXT_EVENT = event({"content": " tok"})
LAST_EVENT = event({}, "stop", b"data: [DONE]\n\n")


async def main() -> None:
    """Serve until the process is ended."""
    server = await asyncio.get_running_loop().create_server(FakeServer, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
