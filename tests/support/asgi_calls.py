"""One request to an ASGI application, step by step, of a client that may leave at any moment."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

from starlette.types import ASGIApp

from lightagent.domain.json_types import JsonObject, JsonValue

Message = MutableMapping[str, Any]


class AsgiCall:
    """A request that goes on. `reading` can be cleared, so that the client takes nothing."""

    def __init__(
        self,
        app: ASGIApp,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes,
        *,
        more_body: bool = False,
        query: str = "",
    ) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.reading = asyncio.Event()
        self.reading.set()
        self._changed = asyncio.Condition()
        self._received: asyncio.Queue[Message] = asyncio.Queue()
        self._received.put_nowait({"type": "http.request", "body": body, "more_body": more_body})
        told = {"host": "localhost", "content-type": "application/json", **headers}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in told.items()],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 80),
        }
        self.task = asyncio.create_task(self._run(app, scope))

    async def _run(self, app: ASGIApp, scope: Message) -> None:
        await app(scope, self._received.get, self._send)

    async def _send(self, message: Message) -> None:
        await self.reading.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self.body += message.get("body", b"")
        async with self._changed:
            self._changed.notify_all()

    async def until(self, there: Callable[[], bool]) -> None:
        """Wait until something is true of what was sent."""
        async with asyncio.timeout(20), self._changed:
            await self._changed.wait_for(there)

    def leave(self) -> None:
        """The client closes the connection."""
        self._received.put_nowait({"type": "http.disconnect"})

    async def ended(self) -> None:
        """Wait until the application is done with it."""
        async with asyncio.timeout(20):
            await asyncio.wait((self.task,))
        self.task.result()

    @property
    def json(self) -> JsonObject:
        """The whole answer."""
        read: JsonObject = json.loads(self.body)
        return read

    @property
    def chunks(self) -> list[JsonObject]:
        """The JSON of each frame that has come whole."""
        frames = self.body.decode().split("\n\n")[:-1]
        data = [frame.removeprefix("data: ") for frame in frames if frame.startswith("data: ")]
        return [json.loads(one) for one in data if one != "[DONE]"]

    @property
    def choices(self) -> list[JsonObject]:
        """The choices of all chunks, in their order."""
        return [choice for chunk in self.chunks for choice in objects(chunk["choices"])]

    @property
    def deltas(self) -> list[JsonObject]:
        """What each of them adds."""
        return [delta for choice in self.choices for delta in objects([choice["delta"]])]

    @property
    def text(self) -> str:
        """The text of the answer that was streamed."""
        return "".join(str(delta.get("content") or "") for delta in self.deltas)

    @property
    def message(self) -> JsonObject:
        """The message of an answer that was not streamed."""
        (choice,) = objects(self.json["choices"])
        (message,) = objects([choice["message"]])
        return message


def objects(value: JsonValue) -> list[JsonObject]:
    """The objects of a list."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


@asynccontextmanager
async def calling(
    app: ASGIApp,
    path: str,
    body: JsonValue = None,
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    query: str = "",
) -> AsyncIterator[AsgiCall]:
    """A request that is under way, and is given up at the end of the block."""
    call = AsgiCall(app, method, path, headers or {}, b"" if body is None else json.dumps(body).encode(), query=query)
    try:
        yield call
    finally:
        call.leave()
        call.reading.set()
        async with asyncio.timeout(20):
            await asyncio.wait((call.task,))


async def answer_to(
    app: ASGIApp,
    path: str,
    body: JsonValue = None,
    *,
    method: str = "POST",
    headers: Mapping[str, str] | None = None,
    query: str = "",
) -> AsgiCall:
    """A request that was answered."""
    async with calling(app, path, body, method=method, headers=headers, query=query) as call:
        await call.ended()
    return call


def chat(text: str, **more: JsonValue) -> JsonObject:
    """The body of a chat completions request to the model `helper`."""
    return {"model": "helper", "messages": [{"role": "user", "content": text}], **more}
