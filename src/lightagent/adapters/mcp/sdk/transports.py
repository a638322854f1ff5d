"""From a server's settings to the two streams through which the SDK speaks with it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2
from mcp.client.streamable_http import streamable_http_client

from lightagent.adapters.mcp.sdk.access import Access
from lightagent.adapters.mcp.sdk.http_auth import AuthTransport, RequestHeaders
from lightagent.adapters.mcp.sdk.http_faults import FaultTransport, network
from lightagent.adapters.mcp.sdk.memory import ServerMemory
from lightagent.adapters.mcp.sdk.message_streams import Incoming, Outgoing
from lightagent.adapters.mcp.sdk.oauth import WithoutDeadline, oauth
from lightagent.adapters.mcp.sdk.pipe import Said
from lightagent.adapters.mcp.sdk.routes import Route
from lightagent.adapters.mcp.sdk.sse import sse_streams
from lightagent.adapters.mcp.sdk.stdio import stdio_streams
from lightagent.adapters.mcp.sdk.tidy import TidyReader
from lightagent.domain.mcp.servers import HttpServer, McpServer, StdioServer


@dataclass(frozen=True, slots=True)
class Watch:
    """Who learns what of a transport.

    Attributes:
        over: told, with the reason, once the server takes no request any more.
        started: told how the server's process is killed, where there is one.
        without_deadline: within it the time to open does not count.
        route: learns from the server's responses.
    """

    over: Callable[[str], None]
    said: Said
    started: Callable[[Callable[[], None]], None]
    without_deadline: WithoutDeadline
    route: Route


@asynccontextmanager
async def streams(memory: ServerMemory, access: Access, watch: Watch) -> AsyncGenerator[tuple[Incoming, Outgoing]]:
    """Open the transport of a server, and close it at the end."""
    server, connection = memory.server, memory.server.connection
    if isinstance(connection, StdioServer):
        async with stdio_streams(server, connection, watch.over, watch.said, watch.started) as (reader, writer):
            yield TidyReader(reader), writer
    elif connection.transport == "sse":
        client = _http_client(server, watch, _authenticated(connection, memory, access, watch))
        async with client, sse_streams(connection.url, client, server.max_bytes, watch.over, watch.said) as pipe:
            yield TidyReader(pipe[0]), pipe[1]
    else:
        inner = FaultTransport(_authenticated(connection, memory, access, watch), server.max_bytes)
        async with (
            _http_client(server, watch, inner) as client,
            streamable_http_client(connection.url, http_client=client, max_sse_event_size=server.max_bytes) as pair,
        ):
            yield TidyReader(pair[0]), pair[1]


def _authenticated(
    connection: HttpServer, memory: ServerMemory, access: Access, watch: Watch
) -> httpx2.AsyncBaseTransport:
    transport: httpx2.AsyncBaseTransport = AuthTransport(
        network(connection.url), RequestHeaders(access.ask, connection.url)
    )
    if access.logins is not None:
        login = oauth(connection.url, memory, access.logins, access.scope, watch.without_deadline)
        transport = AuthTransport(transport, login)
    return transport


def _http_client(server: McpServer, watch: Watch, transport: httpx2.AsyncBaseTransport) -> httpx2.AsyncClient:
    # How long an answer may take is the business of each call; a stream of events may be silent for hours.
    timeout = httpx2.Timeout(server.open_timeout, read=None)
    return httpx2.AsyncClient(transport=transport, timeout=timeout, event_hooks={"response": [watch.route.see]})
