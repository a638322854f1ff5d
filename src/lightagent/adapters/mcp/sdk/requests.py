"""The requests to a server: one method for each, sent through an open session."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from mcp.client import Client
from mcp_types import ListPromptsResult, ListResourcesResult, ListResourceTemplatesResult

from lightagent.adapters.mcp.sdk.calls import Call
from lightagent.adapters.mcp.sdk.core import Core
from lightagent.adapters.mcp.sdk.listing import pages
from lightagent.adapters.mcp.sdk.translate import embedded, mcp_prompt, mcp_resource, mcp_result, prompt_messages
from lightagent.domain.json_types import JsonObject
from lightagent.domain.mcp.exchange import McpPrompt, McpPromptMessage, McpRemark, McpResource
from lightagent.domain.mcp.servers import EmbeddedResource, McpResult

T = TypeVar("T")


class Requests(Core):
    """The sessions of a server, and the requests that they take. All raise what `Core.use` raises."""

    async def call_tool(self, tool: str, arguments: JsonObject, call: Call) -> McpResult:
        """Call a tool; its progress is told to the caller as it comes."""
        server = self._memory.server
        given: dict[str, object] = {**arguments}

        async def report_progress(progress: float, total: float | None, message: str | None) -> None:
            share = f"{progress:g}" if total is None else f"{progress:g} of {total:g}"
            call.tell(McpRemark(server.name, "progress", message or share, progress=progress, total=total))

        async def work(client: Client) -> McpResult:
            result = await client.call_tool(
                tool, given, read_timeout_seconds=server.call_timeout, progress_callback=report_progress
            )
            return mcp_result(result)

        return await self.use(work, call, method="tools/call", tool=tool)

    async def list_resources(self, call: Call) -> tuple[McpResource, ...]:
        """Resources, and templates of them, of all pages. A server that has none is not asked."""
        memory, server = self._memory, self._memory.server.name

        async def plain(client: Client) -> list[ListResourcesResult]:
            return await pages(lambda cursor: client.list_resources(cursor=cursor), memory, "resources")

        async def templates(client: Client) -> list[ListResourceTemplatesResult]:
            return await pages(lambda cursor: client.list_resource_templates(cursor=cursor), memory, "templates")

        async def work(client: Client) -> tuple[McpResource, ...]:
            if client.server_capabilities.resources is None:
                return ()
            found = [mcp_resource(server, one) for page in await plain(client) for one in page.resources]
            of_templates = [one for page in await templates(client) for one in page.resource_templates]
            return (*found, *(mcp_resource(server, one) for one in of_templates))

        return await self._in_time(work, call)

    async def read_resource(self, uri: str, call: Call) -> tuple[EmbeddedResource, ...]:
        """The contents of a resource."""

        async def work(client: Client) -> tuple[EmbeddedResource, ...]:
            result = await client.read_resource(uri)
            return tuple(embedded(contents) for contents in result.contents)

        return await self._in_time(work, call, method="resources/read")

    async def list_prompts(self, call: Call) -> tuple[McpPrompt, ...]:
        """Prompts, of all pages. A server that has none is not asked."""
        memory, server = self._memory, self._memory.server.name

        async def listed(client: Client) -> list[ListPromptsResult]:
            return await pages(lambda cursor: client.list_prompts(cursor=cursor), memory, "prompts")

        async def work(client: Client) -> tuple[McpPrompt, ...]:
            if client.server_capabilities.prompts is None:
                return ()
            return tuple(mcp_prompt(server, prompt) for page in await listed(client) for prompt in page.prompts)

        return await self._in_time(work, call)

    async def get_prompt(self, name: str, arguments: Mapping[str, str], call: Call) -> tuple[McpPromptMessage, ...]:
        """A prompt, filled in."""

        async def work(client: Client) -> tuple[McpPromptMessage, ...]:
            result = await client.get_prompt(name, dict(arguments))
            return prompt_messages(result.messages)

        return await self._in_time(work, call, method="prompts/get")

    async def _in_time(self, work: Callable[[Client], Awaitable[T]], call: Call, *, method: str = "") -> T:
        """`use`, with the time limit that the SDK takes for calls of tools only."""

        async def limited(client: Client) -> T:
            async with asyncio.timeout(self._memory.server.call_timeout):
                return await work(client)

        return await self.use(limited, call, method=method)
