"""The HTTP transport below the SDK: a fault becomes the error of the one request that it concerns.

In the SDK a refused connection, or one that breaks before the headers came, breaks the whole client with all its calls,
and an answer in JSON has no limit of size.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx2
from mcp_types import JSONRPCError, jsonrpc_message_adapter

from lightagent.adapters.mcp.sdk.faults import FaultKind, fault_data
from lightagent.adapters.mcp.sdk.messages import Unreadable, read_message
from lightagent.domain.secrets.masking import mask_urls

SESSION_HEADER: Final = "mcp-session-id"

_OF_THE_BODY: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})

_UNSENT: Final = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.UnsupportedProtocol)

_NOT_LET_IN: Final = (401, 403)

_HALF_CHARACTER: Final = re.compile(rb"\\u[dD][89a-fA-F]")

_NO_SESSION: Final = re.compile(
    rb"(no valid|invalid|unknown|expired|no such)\W+(mcp\W+)?session"
    rb"|session\b.{0,80}(not found|invalid|expired|unknown|terminated)",
    re.IGNORECASE | re.DOTALL,
)
_MOST_LOOKED_AT: Final = 2_000


class FaultTransport(httpx2.AsyncBaseTransport):
    """Sends what it is given, and answers in the server's place where the server cannot.

    Args:
        limit: bytes of an answer in JSON.
    """

    def __init__(self, inner: httpx2.AsyncBaseTransport, limit: int) -> None:
        self._inner = inner
        self._limit = limit

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it. What is not a message, such as a stream that is opened, raises as it does below."""
        if request.method != "POST":
            return await self._inner.handle_async_request(request)
        try:
            response = await self._inner.handle_async_request(request)
            return await self._judged(request, response)
        except httpx2.TransportError as exc:
            return _answer(request, fault_of(exc), describe(exc))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()

    async def _judged(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        kept = response
        if response.headers.get("content-type", "").lower().startswith("application/json"):
            kept = await self._whole(request, response)
        if SESSION_HEADER in request.headers and forgets_session(kept):
            await response.aclose()
            return _answer(request, "session", "the server does not know the session any more")
        if kept.status_code in _NOT_LET_IN and not _is_error_of_the_protocol(kept):
            await response.aclose()
            return _answer(request, "refused", f"HTTP status {response.status_code}")
        if kept.is_server_error and not _is_error_of_the_protocol(kept):
            await response.aclose()
            return _answer(request, "unreadable", f"HTTP status {response.status_code}")
        return kept

    async def _whole(self, request: httpx2.Request, response: httpx2.Response) -> httpx2.Response:
        """The response with its body, if that is not too large."""
        body = bytearray()
        try:
            async for part in response.aiter_bytes():
                body += part
                if len(body) > self._limit:
                    return _answer(request, "large", f"its answer is over the limit of {self._limit:,} bytes")
        finally:
            await response.aclose()
        headers = [(name, value) for name, value in response.headers.multi_items() if name not in _OF_THE_BODY]
        return httpx2.Response(
            response.status_code, headers=headers, content=_sound(bytes(body)), extensions=response.extensions
        )


def forgets_session(response: httpx2.Response) -> bool:
    """Whether the server says that it does not know the session: with 404, or as some do with 400 and a text."""
    if response.status_code != 400 or not response.is_stream_consumed:
        return response.status_code == 404
    return _NO_SESSION.search(response.content[:_MOST_LOOKED_AT]) is not None


def fault_of(exc: httpx2.TransportError) -> FaultKind:
    """Whether a request that ended with this exception can have reached the server."""
    return "unsent" if isinstance(exc, _UNSENT) else "lost"


def _sound(body: bytes) -> bytes:
    """The body, written anew where it is a message that the parser of the SDK would refuse."""
    if _HALF_CHARACTER.search(body) is None:
        return body
    message = read_message(body)
    return body if isinstance(message, Unreadable) else message.model_dump_json(by_alias=True).encode()


def _is_error_of_the_protocol(response: httpx2.Response) -> bool:
    """Whether the server, and not a gateway in front of it, has answered: its JSON-RPC error is then in the body."""
    try:
        return isinstance(jsonrpc_message_adapter.validate_json(response.content, by_name=False), JSONRPCError)
    except (httpx2.ResponseNotRead, ValueError):
        return False


def _answer(request: httpx2.Request, kind: FaultKind, text: str) -> httpx2.Response:
    """The SDK hands the error in such a body to the caller whose request was answered, and to no other."""
    error = fault_data(kind, text).model_dump(mode="json")
    return httpx2.Response(400, json={"jsonrpc": "2.0", "id": None, "error": error}, request=request)


def network(url: str) -> httpx2.AsyncBaseTransport:
    """Connections to the host of `url`, through the proxy that the environment names for it."""
    parts = urlsplit(url)
    proxies = {} if proxy_bypass(parts.hostname or "") else getproxies()
    return httpx2.AsyncHTTPTransport(proxy=proxies.get(parts.scheme) or proxies.get("all"))


def describe(exc: BaseException) -> str:
    """What went wrong, in a line, without the address and the headers of the server, which may hold secrets."""
    if isinstance(exc, httpx2.HTTPStatusError):
        return f"HTTP status {exc.response.status_code}"
    if isinstance(exc, httpx2.LocalProtocolError):
        return "the request cannot be sent as it is"
    text = mask_urls(str(exc))[:300].rstrip(".")
    return f"{type(exc).__name__}: {text}" if text else type(exc).__name__
