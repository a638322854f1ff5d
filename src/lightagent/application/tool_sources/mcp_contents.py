"""The resources and prompts of an MCP server as tools, for agents that look for them themselves."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from lightagent.application.tools.decorator import tool
from lightagent.application.tools.wrapped_tool import wrap_tool
from lightagent.domain.json_bytes import whole_characters
from lightagent.domain.json_types import JsonObject
from lightagent.domain.mcp.results import result_text
from lightagent.domain.mcp.servers import McpResult
from lightagent.domain.policy.capabilities import MCP
from lightagent.domain.tools.foreign_names import model_name
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.mcp import McpCaller, McpContents
from lightagent.ports.tools import RunContext, Tool


def content_tools(server: str, contents: McpContents) -> tuple[Tool[object], ...]:
    """Return three tools: list the contents, read a resource, and fill in a prompt.

    Args:
        server: the name of the server.
    """

    async def list_contents() -> JsonObject:
        resources: JsonObject = {
            one.uri: one.description or one.title or one.name for one in await contents.resources()
        }
        prompts: JsonObject = {
            one.name: {
                "description": one.description or one.title,
                "arguments": {name: "required" if needed else "optional" for name, needed in one.arguments},
            }
            for one in await contents.prompts()
        }
        return {"resources": resources, "prompts": prompts}

    async def read_resource(ctx: RunContext[object], uri: str) -> str | None:
        name = model_name(server, "read_resource")
        return result_text(name, McpResult(await contents.read(uri, McpCaller(ctx.scope, ctx.run_id))))

    async def fill_prompt(ctx: RunContext[object], name: str, arguments: dict[str, str]) -> str:
        messages = await contents.prompt(name, arguments, McpCaller(ctx.scope, ctx.run_id))
        return "\n".join(f"{message.role}: {message.text}" for message in messages)

    listed = tool(
        name=model_name(server, "list_contents"),
        description=f"List the resources of {server}, by URI, and its prompts. {{…}} in a URI is to be filled in.",
    )(list_contents)
    read = tool(name=model_name(server, "read_resource"), description=f"Read a resource of {server}.")(read_resource)
    filled = tool(name=model_name(server, "fill_prompt"), description=f"Get a prompt of {server}, filled in.")(
        fill_prompt
    )
    made: tuple[tuple[str, Tool[object]], ...] = (
        ("list_contents", listed),
        ("read_resource", read),
        ("fill_prompt", filled),
    )
    return tuple(wrap_tool(one, model_name(server, own), partial(_of_server, server, own), tuple) for own, one in made)


def _of_server(server: str, own: str, spec: ToolSpec) -> ToolSpec:
    """Mark the tool as one of the server's: its output is untrusted, like that of the server's own tools."""
    return replace(spec, provider=f"{MCP}{whole_characters(server)}", original=whole_characters(f"{server}/{own}"))
