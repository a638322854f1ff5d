"""Calls of the MCP server's `add` by other libraries, through an open connection, as their documentation has it.

Each takes the address of the server, or nothing where the server is a child process.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Call = Callable[[int], Awaitable[object]]
"""Calls the tool with this number."""


@asynccontextmanager
async def pydantic_ai_client(command: list[str], url: str | None) -> AsyncIterator[Call]:
    """`MCPToolset`, which is FastMCP's client."""
    from fastmcp.client.transports import StdioTransport
    from pydantic_ai.mcp import MCPToolset

    async with MCPToolset(url or StdioTransport(command[0], command[1:])) as toolset:
        yield lambda number: toolset.direct_call_tool("add", {"a": number, "b": 2})


@asynccontextmanager
async def openai_agents_client(command: list[str], url: str | None) -> AsyncIterator[Call]:
    """`MCPServerStdio` and `MCPServerStreamableHttp`."""
    from agents.mcp import MCPServer, MCPServerStdio, MCPServerStreamableHttp

    server: MCPServer
    if url is None:
        server = MCPServerStdio({"command": command[0], "args": command[1:]})
    else:
        server = MCPServerStreamableHttp({"url": url})
    async with server:
        yield lambda number: server.call_tool("add", {"a": number, "b": 2})
