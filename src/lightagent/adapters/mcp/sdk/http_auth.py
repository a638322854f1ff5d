"""The headers of each request, asked for when it is made, and once more where the server refuses them.

It happens in a transport and not where the HTTP client would do it: what goes wrong there breaks the whole MCP client,
and here it is the fault of one request.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping
from typing import Final

import httpx2

from lightagent.adapters.mcp.sdk.access import AskHeaders

_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e]*")


class RequestHeaders(httpx2.Auth):
    """Puts them on requests to the server's own host, and to no other.

    Args:
        url: of the server.
    """

    def __init__(self, ask: AskHeaders, url: str) -> None:
        self._ask = ask
        self._origin = origin(httpx2.URL(url))

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """The request, and once more after a 401 where other headers can be had."""
        if origin(request.url) != self._origin:
            yield request
            return
        given = sendable(await self._ask(False))
        request.headers.update(given)
        response = yield request
        if response.status_code == 401 and (others := sendable(await self._ask(True))) != given:
            request.headers.update(others)
            yield request


def sendable(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers, all of which can be sent; what a value is never shows in an error, since it may be a secret.

    Raises:
        ValueError: one cannot, such as a token that was read from a file together with the end of its line.
    """
    for name, value in headers.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r:.100} cannot be the name of a header")
        if not _VALUE.fullmatch(value) or value != value.strip():
            raise ValueError(f"the header {name!r:.100} has a character that cannot be sent, or blanks at an end")
    return headers


def origin(url: httpx2.URL) -> tuple[str, str, int | None]:
    """What two addresses of one server have in common."""
    return url.scheme, url.host, url.port


class AuthTransport(httpx2.AsyncBaseTransport):
    """Sends requests as `auth` wants them. What it raises is a failure to connect: the request was not sent."""

    def __init__(self, inner: httpx2.AsyncBaseTransport, auth: httpx2.Auth) -> None:
        self._inner = inner
        self._auth = auth

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it, as often as the flow wants.

        Raises:
            httpx2.ConnectError: the headers could not be had.
        """
        flow = self._auth.async_auth_flow(request)
        try:
            sent = await anext(flow)
            while True:
                response = await self._inner.handle_async_request(sent)
                response.request = sent
                try:
                    following = await flow.asend(response)
                except StopAsyncIteration:
                    return response
                await response.aclose()
                sent = following
        except httpx2.TransportError:
            raise
        except Exception as exc:
            raise httpx2.ConnectError(f"its headers could not be had: {type(exc).__name__}: {str(exc)[:300]}") from exc
        finally:
            await flow.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()
