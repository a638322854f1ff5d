"""Lists what a server has, page by page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from mcp.client import Client

from lightagent.adapters.mcp.sdk.memory import ServerMemory
from lightagent.adapters.mcp.sdk.translate import mcp_tool
from lightagent.domain.mcp.servers import McpTool

MOST_PAGES: Final = 200


class Page(Protocol):
    """A part of a listing."""

    @property
    def next_cursor(self) -> str | None:
        """Where the next part begins."""
        ...


PageT = TypeVar("PageT", bound=Page)


async def pages(get: Callable[[str | None], Awaitable[PageT]], memory: ServerMemory, what: str) -> list[PageT]:
    """All pages; a server whose pages never end, or begin again, is listed as far as it tells something new."""
    found: list[PageT] = []
    seen: set[str] = set()
    cursor: str | None = None
    while True:
        page = await get(cursor)
        found.append(page)
        cursor = page.next_cursor
        if not cursor:
            return found
        if cursor in seen or len(found) >= MOST_PAGES:
            memory.remark("output", f"its list of {what} does not end: it was left after {len(found)} pages")
            return found
        seen.add(cursor)


async def list_tools(client: Client, memory: ServerMemory) -> tuple[McpTool, ...]:
    """All tools, each name once. A server without any is not asked."""
    if client.server_capabilities.tools is None:
        return ()
    server = memory.server.name
    tools: dict[str, McpTool] = {}
    for page in await pages(lambda cursor: client.list_tools(cursor=cursor), memory, "tools"):
        for tool in page.tools:
            tools.setdefault(tool.name, mcp_tool(server, tool))
    return tuple(tools.values())
