"""An HTTP server of any API: it notes each request as it stands on the wire, and answers what it was told to."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True)
class Seen:
    """A request: the target is what stood in its first line."""

    method: str
    target: str
    headers: dict[str, str]
    content: bytes


Answer = web.StreamResponse
Answers = Callable[[Seen], Answer]


@dataclass
class ApiServer:
    """The server; `answers` makes what it answers."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    answers: Answers = lambda _seen: json_answer({"ok": True})

    @property
    def host(self) -> str:
        """Host and port."""
        return self.url.removeprefix("http://")

    async def _take(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen = Seen(request.method, request.raw_path, headers, await request.read())
        self.seen.append(seen)
        return self.answers(seen)


def json_answer(value: object, status: int = 200, **headers: str) -> web.Response:
    """An answer of JSON."""
    return web.Response(text=json.dumps(value), status=status, content_type="application/json", headers=headers)


@asynccontextmanager
async def api_server() -> AsyncIterator[ApiServer]:
    """The server at a free port of 127.0.0.1."""
    server = ApiServer()
    runner = web.ServerRunner(web.Server(server._take))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield server
    finally:
        await runner.cleanup()
