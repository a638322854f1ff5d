"""Clients that leave in the middle of an answer, and a model behind a socket that notices when it is left."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from lightagent.domain.json_types import JsonObject
from tests.support.asgi_calls import chat

_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_WHO: Final = re.compile(rb"client (-?\d+) asks")
_LENGTH: Final = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_PIECES: Final = 4
_PAUSE: Final = 0.01


@dataclass
class Asked:
    """One request to the model.

    Attributes:
        who: the number of the client whose run asks.
        ended: when the answer was complete, by the monotonic clock; None while it is not.
        closed: when the connection was closed under an answer that was not complete.
    """

    who: int
    ended: float | None = None
    closed: float | None = None


@dataclass
class TalkativeModel:
    """An endpoint that says some words and calls a tool, again and again without end.

    Attributes:
        asked: every request.
        tools: the names of the tools that it calls in turn.
    """

    tools: tuple[str, ...]
    asked: list[Asked] = field(default_factory=list)
    url: str = ""

    def of(self, who: int) -> list[Asked]:
        """The requests of one client's run."""
        return [one for one in self.asked if one.who == who]

    def answer(self, body: bytes) -> list[bytes]:
        """The frames of the answer to a request."""
        turn = body.count(b'"role":"tool"')
        found = _WHO.search(body)
        name, arguments = self.tools[turn % len(self.tools)], json.dumps({"who": int(found[1]) if found else -1})
        call: JsonObject = {"index": 0, "id": f"call_{turn}", "type": "function"}
        call["function"] = {"name": name, "arguments": arguments}
        said = [_frame({"role": "assistant", "content": "so "}), *[_frame({"content": "on "})] * _PIECES]
        return [*said, _frame({"tool_calls": [call]}), _frame({}, "tool_calls"), _framed(b"data: [DONE]\n\n")]


class _Connection(asyncio.Protocol):
    def __init__(self, model: TalkativeModel) -> None:
        self._model = model
        self._received = b""
        self._asked: Asked | None = None
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._asked is not None and self._asked.ended is None:
            self._asked.closed = time.monotonic()

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not end or (length is not None and len(body) < int(length[1])):
            return
        self._received = b""
        found = _WHO.search(body)
        self._asked = Asked(int(found[1]) if found else -1)
        self._model.asked.append(self._asked)
        self._later([_HEAD, *self._model.answer(body)])

    def _later(self, frames: list[bytes]) -> None:
        asyncio.get_running_loop().call_later(_PAUSE, self._tell, frames)

    def _tell(self, frames: list[bytes]) -> None:
        if self._transport is None or self._asked is None:
            return
        first, *rest = frames
        self._transport.write(first if rest else first + b"0\r\n\r\n")
        if rest:
            self._later(rest)
        else:
            self._asked.ended = time.monotonic()


@asynccontextmanager
async def talkative_model(*tools: str) -> AsyncIterator[TalkativeModel]:
    """The endpoint, as long as a block lasts."""
    model = TalkativeModel(tools)
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(model), "127.0.0.1", 0, backlog=1024)
    model.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield model
    finally:
        server.close()


def _frame(delta: JsonObject, finish: str | None = None) -> bytes:
    choice: JsonObject = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return _framed(b"data: " + json.dumps(chunk).encode() + b"\n\n")


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


class LeavingClient(asyncio.Protocol):
    """Asks, and can be left to itself.

    Attributes:
        received: all that came.
        gone: the server has closed the connection.
    """

    def __init__(self) -> None:
        self.received = b""
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changed = asyncio.Event()
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def ask(cls, base: str, who: int, *, stream: bool = True) -> LeavingClient:
        """Connect and send the question; returns before anything of the answer has come."""
        place = urlsplit(base)
        _, client = await asyncio.get_running_loop().create_connection(cls, place.hostname or "", place.port or 0)
        body = json.dumps(chat(f"client {who} asks", stream=stream)).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
        client.send(head.encode() + body)
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self.received += data
        self._changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._changed.set()
        if not self.gone.done():
            self.gone.set_result(None)

    def send(self, data: bytes) -> None:
        """Send bytes."""
        assert self._transport is not None
        self._transport.write(data)

    async def until(self, text: bytes) -> None:
        """Wait until this has come."""
        async with asyncio.timeout(60):
            while text not in self.received:
                assert not self.gone.done(), self.received
                self._changed.clear()
                await self._changed.wait()

    def leave(self, *, abruptly: bool = False) -> None:
        """Close the connection, by a reset if it is to be abrupt."""
        assert self._transport is not None
        if abruptly:
            self._transport.abort()
        else:
            self._transport.close()
