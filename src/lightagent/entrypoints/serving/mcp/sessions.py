"""Pass requests to the MCP SDK, after this server has checked them and identified their callers."""

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
from lightagent.entrypoints.serving.mcp.calls import REQUEST, mcp_server
from lightagent.entrypoints.serving.served_run import stopping
from lightagent.settings.sections.serve import ServeSettings

if TYPE_CHECKING:
    from lightagent.entrypoints.serving.requests import ServedRequest

MOST_SESSIONS: Final = 1000
"""Concurrent sessions of one key; only clients of protocol versions before 2026-07-28 have sessions."""

LAST_ANSWERS: Final = 2.0
"""Seconds at shutdown in which open calls, whose runs have ended by then, are still answered."""


class McpSessions:
    """The MCP sessions of one access key. They live in a task that is started with this object."""

    def __init__(self, settings: ServeSettings) -> None:
        self._manager = StreamableHTTPSessionManager(
            mcp_server(),
            stateless=False,
            max_request_body_size=settings.image_body_bytes,  # The effective limits were applied before.
            max_sessions=MOST_SESSIONS,
        )
        self._ready = asyncio.Event()
        self._closed = asyncio.Event()
        self._ending = asyncio.Event()
        self._answered = asyncio.Event()
        self._answering = 0
        self._holding = asyncio.create_task(self._hold())

    async def answer_to(self, request: ServedRequest) -> ASGIApp:
        """Return the ASGI application that answers a checked request.

        Raises:
            RequestRefused: the server is stopping.
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
        """End all sessions after the open calls are answered, or after `LAST_ANSWERS`. Endless streams are cut."""
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
    """Return the owner of a session, so that other callers cannot use its id. The SDK requires a client id."""
    owner = f"{len(caller.tenant)}:{caller.tenant}:{caller.user}"
    return AuthenticatedUser(AccessToken(token="", client_id=caller.key_id or "nobody", scopes=[], subject=owner))


def _again(body: bytes | None, receive: Receive) -> Receive:
    """Return a `receive` that delivers the body, which has been read already, and then the messages after it."""
    pending = [] if body is None else [body]

    async def read() -> Message:
        if pending:
            return {"type": "http.request", "body": pending.pop(), "more_body": False}
        return await receive()

    return read


def _with_headers(request: ServedRequest, send: Send) -> Send:
    """Return a `send` that adds the common response headers."""
    more = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in request.headers.items()]

    async def write(message: MutableMapping[str, object]) -> None:
        if message["type"] == "http.response.start":
            headers = message.get("headers")
            message = {**message, "headers": [*(headers if isinstance(headers, list) else ()), *more]}
        await send(message)

    return write
