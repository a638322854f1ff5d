"""The MCP SDK behind the door of this server: it is given requests that have passed, and whose they are."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lightagent.application.serving.callers import Caller
from lightagent.domain.json_bytes import encode_json
from lightagent.entrypoints.serving.mcp_calls import REQUEST, mcp_server
from lightagent.entrypoints.serving.served_run import stopping
from lightagent.settings.serve_schema import ServeSettings

if TYPE_CHECKING:
    from lightagent.entrypoints.serving.requests import ServedRequest

MOST_SESSIONS: Final = 1000
"""Clients of one key, of protocols before 2026-07-28, that have a session at once."""

LAST_ANSWERS: Final = 2.0
"""Seconds in which calls are answered at the end of the server; their runs have ended by then."""


class McpSessions:
    """The sessions of one key. They live in a task of their own, which the first request begins."""

    def __init__(self, settings: ServeSettings) -> None:
        self._manager = StreamableHTTPSessionManager(
            mcp_server(),
            stateless=False,
            max_request_body_size=settings.image_body_bytes,  # The door has the limits that hold.
            max_sessions=MOST_SESSIONS,
        )
        self._ready = asyncio.Event()
        self._closed = asyncio.Event()
        self._ending = asyncio.Event()
        self._answered = asyncio.Event()
        self._answering = 0
        self._holding = asyncio.create_task(self._hold())

    async def answer_to(self, request: ServedRequest) -> ASGIApp:
        """What answers a request that has passed the door.

        Raises:
            RequestRefused: the server was stopped.
        """
        await self._ready.wait()
        if self._closed.is_set():
            raise stopping()
        body = encode_json(request.body) if request.http.method == "POST" else None

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            told = {**scope, "user": _user(request.caller), REQUEST: request}
            self._answering += body is not None
            try:
                await self._manager.handle_request(told, _again(body, receive), _with_headers(request, send))
            finally:
                self._answering -= body is not None
                self._answered.set()

        return answer

    async def close(self) -> None:
        """End all sessions, once calls whose runs have ended are answered. Streams without an end are cut."""
        self._closed.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_ANSWERS):
                while self._answering:
                    self._answered.clear()
                    await self._answered.wait()
        self._ending.set()
        await self._holding

    async def _hold(self) -> None:
        async with self._manager.run():
            self._ready.set()
            await self._ending.wait()


def _user(caller: Caller) -> AuthenticatedUser:
    """Whose a session is: nobody else finds it by its id. The SDK needs a name for who calls without a key."""
    owner = f"{len(caller.tenant)}:{caller.tenant}:{caller.user}"
    return AuthenticatedUser(AccessToken(token="", client_id=caller.key_id or "nobody", scopes=[], subject=owner))


def _again(body: bytes | None, receive: Receive) -> Receive:
    """Gives the body, which has been read, once more, and from then on what comes after it."""
    pending = [] if body is None else [body]

    async def read() -> Message:
        if pending:
            return {"type": "http.request", "body": pending.pop(), "more_body": False}
        return await receive()

    return read


def _with_headers(request: ServedRequest, send: Send) -> Send:
    """Adds the headers that every answer has."""
    more = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()]

    async def write(message: MutableMapping[str, object]) -> None:
        if message["type"] == "http.response.start":
            headers = message.get("headers")
            message = {**message, "headers": [*(headers if isinstance(headers, list) else ()), *more]}
        await send(message)

    return write
