"""The transport of the SSE era: one stream of events for what the server says, and a POST for each message to it.

The SDK's own loses requests without a word where a POST fails, and takes events of 1 MiB at most.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import urljoin

import httpx2
from mcp.shared.exceptions import MCPError
from mcp_types import INTERNAL_ERROR

from lightagent.adapters.mcp.sdk.faults import fault_error
from lightagent.adapters.mcp.sdk.http_auth import origin
from lightagent.adapters.mcp.sdk.http_faults import describe, fault_of, forgets_session
from lightagent.adapters.mcp.sdk.lines import LongLine
from lightagent.adapters.mcp.sdk.pipe import Pipe, PipeReader, PipeWriter, Said

_REDIRECTS: Final = 5
_HEADERS: Final = {"Accept": "text/event-stream", "Cache-Control": "no-store"}


@asynccontextmanager
async def sse_streams(
    url: str, client: httpx2.AsyncClient, limit: int, over: Callable[[str], None], said: Said
) -> AsyncGenerator[tuple[PipeReader, PipeWriter]]:
    """Open the stream of events and wait for the server to say where messages go.

    Raises:
        httpx2.HTTPError: it cannot be opened.
        ValueError: messages are to go to another host.
    """
    pipe = Pipe(limit, over, said)
    response = await _opened(client, httpx2.URL(url))
    try:
        response.raise_for_status()
        events = _Events(aiter(httpx2.EventSource(response, max_event_size=limit)), pipe)
        posts = _Posts(client, await events.endpoint(response.request.url), pipe)
        yield PipeReader(pipe, events.more), PipeWriter(pipe, posts.write)
    finally:
        await response.aclose()


async def _opened(client: httpx2.AsyncClient, url: httpx2.URL) -> httpx2.Response:
    """The stream, behind redirects that stay with the host."""
    response = await _opened_once(client, url)
    for _ in range(_REDIRECTS):
        following = response.next_request
        if following is None or origin(following.url) != origin(url):
            break
        await response.aclose()
        response = await _opened_once(client, following.url)
    return response


async def _opened_once(client: httpx2.AsyncClient, url: httpx2.URL) -> httpx2.Response:
    request = client.build_request("GET", url, headers=_HEADERS)
    return await client.send(request, stream=True, follow_redirects=False)


class _Events:
    def __init__(self, events: AsyncIterator[httpx2.ServerSentEvent], pipe: Pipe) -> None:
        self._events = events
        self._pipe = pipe

    async def endpoint(self, url: httpx2.URL) -> httpx2.URL:
        async for event in self._events:
            if event.event == "endpoint":
                found = httpx2.URL(urljoin(str(url), event.data))
                if origin(found) != origin(url):
                    raise ValueError(f"the server wants messages to be sent to another host, {found.host!r:.100}")
                return found
        raise httpx2.RemoteProtocolError("the stream ended before the server said where messages go")

    async def more(self) -> str:
        try:
            event = await anext(self._events, None)
        except httpx2.SSEError:
            self._pipe.too_long(LongLine(self._pipe.limit + 1, None))
            return f"it sent an event over the limit of {self._pipe.limit:,} bytes"
        except (httpx2.TransportError, httpx2.StreamError):
            event = None
        if event is None:
            return "the server ended its stream of events"
        if event.event == "message" and event.data:
            self._pipe.take(event.data)
        return ""


class _Posts:
    def __init__(self, client: httpx2.AsyncClient, url: httpx2.URL, pipe: Pipe) -> None:
        self._client = client
        self._url = url
        self._pipe = pipe

    async def write(self, data: bytes) -> None:
        try:
            response = await self._client.post(
                self._url, content=data, headers={"Content-Type": "application/json"}, follow_redirects=False
            )
        except httpx2.TransportError as exc:
            raise fault_error(fault_of(exc), describe(exc)) from None
        if forgets_session(response):
            self._pipe.give_up("the server does not know the session any more")
            raise fault_error("session", self._pipe.ended)
        if response.is_server_error:
            raise fault_error("unreadable", f"HTTP status {response.status_code}")
        if not response.is_success:
            raise MCPError(INTERNAL_ERROR, f"the server refused the message with HTTP status {response.status_code}")
