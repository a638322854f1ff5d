"""The headers of each request, asked for when it is made, and once more where the server refuses them.

It happens in a transport and not where the HTTP client would do it: what goes wrong there breaks the whole MCP client,
and here it is the fault of one request.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import TypeAlias

import httpx2

AskHeaders: TypeAlias = Callable[[bool], Awaitable[Mapping[str, str]]]
"""The headers; True: those given before were refused."""


class AskedHeaders(httpx2.Auth):
    """Puts them on requests to the server's own host. The SDK follows no redirect to another one."""

    def __init__(self, ask: AskHeaders) -> None:
        self._ask = ask

    async def async_auth_flow(self, request: httpx2.Request) -> AsyncGenerator[httpx2.Request, httpx2.Response]:
        """The request, and once more after a 401, with headers that are asked for anew."""
        request.headers.update(await self._ask(False))
        response = yield request
        if response.status_code == 401:
            request.headers.update(await self._ask(True))
            yield request


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
