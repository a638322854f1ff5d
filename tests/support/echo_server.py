"""An endpoint, and a proxy, that tells the secret it was sent, in every place where an answer can tell anything."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import quote

Answer = tuple[int, dict[str, str], bytes]


def _body(message: str, **more: str) -> bytes:
    return json.dumps({"error": {"message": message, **more}}).encode()


def _pad(size: int, secret: str) -> str:
    """A text that is cut after `size` characters in the middle of the secret."""
    return "x" * (size - len(secret) // 2 - 1) + " "


def _event(secret: str) -> bytes:
    chunk = {"choices": [{"index": 0, "delta": {"content": "Well"}}]}
    error = {"error": {"message": f"refused {secret}", "code": 401}}
    return b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in (chunk, error))


def _spelled(secret: str) -> str:
    encoded = base64.b64encode(secret.encode()).decode()
    forms = (quote(secret, safe=""), quote(secret, safe="").lower(), quote(secret), encoded, json.dumps(secret))
    return " | ".join((*forms, secret.replace("/", "\\/"), f"\\n{secret}", f"Bearer%20{secret}", repr(secret.encode())))


ANSWERS: dict[str, Callable[[str, str], Answer]] = {
    "the head of the request": lambda secret, head: (401, {}, _body(f"Who are you? {head}")),
    "a message cut in the secret": lambda secret, head: (401, {}, _body(_pad(500, secret) + secret)),
    "the code and the type": lambda secret, head: (
        400,
        {"x-request-id": secret},
        _body("no", code=secret, type=secret),
    ),
    "a list of what is wrong": lambda secret, head: (
        422,
        {},
        json.dumps({"detail": [{"loc": [secret], "msg": head}]}).encode(),
    ),
    "a redirect": lambda secret, head: (
        307,
        {"location": f"http://elsewhere.example/v1?from={quote(secret, safe='')}"},
        b"",
    ),
    "a redirect cut in the secret": lambda secret, head: (
        307,
        {"location": f"http://e.example/{_pad(170, secret)}{secret}"},
        b"",
    ),
    "an error in status 200": lambda secret, head: (200, {}, _body(f"{secret} {head}", code="invalid_api_key")),
    "an error in a stream": lambda secret, head: (200, {}, _event(secret)),
    "no JSON, cut in the secret": lambda secret, head: (200, {}, f"no JSON {_pad(192, secret)}{secret}".encode()),
    "a wrong shape, cut in the secret": lambda secret, head: (
        200,
        {},
        json.dumps({"choices": _pad(199, secret) + secret}).encode(),
    ),
    "a refused call": lambda secret, head: (
        400,
        {},
        _body("no", code="tool_use_failed", failed_generation=_pad(200, secret) + secret),
    ),
    "a text": lambda secret, head: (500, {}, f"{head} {secret}".encode()),
    "a body too large to parse": lambda secret, head: (400, {}, _body(f"{_spelled(secret)} {'x' * 70_000}")),
    "other spellings": lambda secret, head: (400, {}, _body(_spelled(secret))),
    "a rate limit": lambda secret, head: (429, {"retry-after-ms": "1"}, _body(f"slow down, {secret}")),
    "no answer": lambda secret, head: (0, {}, b""),
}


@dataclass
class EchoServer:
    """What it answers next, what it takes for the secret, and the heads it was sent."""

    answer: str = "no answer"
    secret: str = ""
    heads: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lengths = [line.partition(":")[2] for line in head.lower().splitlines() if line.startswith("content-length")]
        await reader.readexactly(int(lengths[0]) if lengths else 0)
        self.heads.append(head)
        status, headers, body = ANSWERS[self.answer](self.secret, " ".join(head.split()))
        if not status:
            return
        lines = [f"HTTP/1.1 {status} Told", "connection: close", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join((*lines, "", "")).encode("latin-1") + body)
        await writer.drain()


@asynccontextmanager
async def echo_server() -> AsyncIterator[EchoServer]:
    """The server, open."""
    echo = EchoServer()
    server = await asyncio.start_server(echo.serve, "127.0.0.1", 0)
    echo.port = server.sockets[0].getsockname()[1]
    async with server:
        yield echo
