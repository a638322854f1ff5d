"""Check whether an MCP server answers, and list what it offers. Its texts are printed as untrusted."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from rich.console import Console

from lightagent.compose.mcp import mcp_tools
from lightagent.domain.errors import LightAgentError
from lightagent.domain.foreign_schemas import BeyondRepair, mend
from lightagent.domain.json_types import JsonObject, JsonValue
from lightagent.domain.mcp.declarations import definition_hash
from lightagent.domain.mcp.exchange import McpPrompt, McpRemark, McpResource
from lightagent.domain.mcp.faults import McpFault
from lightagent.domain.mcp.servers import HttpServer, McpServer, McpTool
from lightagent.domain.secrets.masking import mask_urls
from lightagent.domain.tools.foreign_names import model_name
from lightagent.entrypoints.cli.console import err
from lightagent.entrypoints.cli.logins import logins_for, stored_logins
from lightagent.ports.mcp import Logins, ToolPins
from lightagent.settings.origins import printable

T = TypeVar("T")

_MOST_AT_ONCE: Final = 8
"""Servers that are opened at the same time."""


@dataclass(frozen=True, slots=True)
class Glance:
    """The result of checking a server.

    Attributes:
        seconds: the time until it had listed its tools, or failed.
        tools: the number of tools that may be used.
        error: why it cannot be reached; None if it can.
        problems: the problems of individual tools.
    """

    server: McpServer
    seconds: float
    tools: int = 0
    error: LightAgentError | None = None
    problems: tuple[str, ...] = ()

    def to_dict(self) -> JsonObject:
        """Return it as JSON."""
        row: JsonObject = {
            "name": self.server.name,
            "state": "unavailable" if self.error else "ok",
            "where": where(self.server),
            "required": self.server.required,
            "seconds": round(self.seconds, 3),
        }
        if self.error is not None:
            return row | {"error": self.error.message}
        return row | {"tools": self.tools, "problems": [*self.problems]}


@dataclass(frozen=True, slots=True)
class Inspection:
    """Everything that a server offers."""

    server: McpServer
    seconds: float
    tools: tuple[McpTool, ...]
    resources: tuple[McpResource, ...] = ()
    prompts: tuple[McpPrompt, ...] = ()

    def to_dict(self) -> JsonObject:
        """Return it as JSON."""
        return {
            "name": self.server.name,
            "where": where(self.server),
            "scope": self.server.scope,
            "seconds": round(self.seconds, 3),
            "tools": [_tool(self.server, tool) for tool in self.tools],
            "resources": [{"uri": one.uri, "name": one.name, "mime_type": one.mime_type} for one in self.resources],
            "prompts": [{"name": one.name, "description": one.description} for one in self.prompts],
        }


async def glance_at(server: McpServer, logins: Logins | None = None, pins: ToolPins | None = None) -> Glance:
    """Connect to the server, list its tools, and disconnect. Failures are returned as part of the result."""
    start, remarks = time.monotonic(), list[McpRemark]()
    source = mcp_tools(server, logins=logins_for(server, logins or stored_logins()), pins=pins, listener=remarks.append)
    try:
        listed = await source.tools()
        error = source.unavailable
        seconds = time.monotonic() - start
        problems = [f"{one['tool']}: {one['message']}" for one in source.problems]
        problems += [f"{one.text}: lightagent mcp accept {server.name}" for one in remarks if one.kind == "changed"]
        return Glance(server, seconds, 0 if error else len(listed.tools), error, tuple(problems))
    except LightAgentError as exc:
        return Glance(server, time.monotonic() - start, error=exc)
    finally:
        await source.aclose()


async def look_at_servers(
    console: Console, servers: Sequence[McpServer], *, pins: ToolPins | None = None, quietly: bool = False
) -> list[Glance]:
    """Check MCP servers concurrently, and print each result as soon as it is there, unless `quietly` is set."""
    places = asyncio.Semaphore(_MOST_AT_ONCE)

    async def look(server: McpServer) -> Glance:
        async with places:
            found = await glance_at(server, pins=pins)
        if not quietly:
            show_glance(console, found)
        return found

    with err().status(f"opening {len(servers)} MCP servers …"):
        return await asyncio.gather(*map(look, servers))


async def inspect_server(server: McpServer) -> Inspection:
    """Connect to the server and read its tools, resources and prompts.

    Raises:
        McpUnavailable: the server cannot be reached.
    """
    start = time.monotonic()
    connection = mcp_tools(server, logins=logins_for(server, stored_logins())).connection
    try:
        tools = await connection.tools()
        seconds = time.monotonic() - start
        resources = await _all_or_none(connection.resources())
        return Inspection(server, seconds, tools, resources, await _all_or_none(connection.prompts()))
    finally:
        await connection.aclose()


async def _all_or_none(listed: Awaitable[tuple[T, ...]]) -> tuple[T, ...]:
    try:
        return await listed
    except McpFault:  # Many servers have none, and some answer with an error.
        return ()


def where(server: McpServer) -> str:
    """Return the address or command of the server, without parts that may be secret."""
    connection = server.connection
    if isinstance(connection, HttpServer):
        return f"{connection.transport} {mask_urls(connection.url).partition('?')[0]}"
    return f"stdio {connection.command}"


def show_glance(console: Console, found: Glance) -> None:
    """Print the result as one line, followed by a line for each problem."""
    took = f"{found.seconds * 1000:.0f} ms"
    name = f"{found.server.name} · {where(found.server)}"
    if found.error is not None:
        optional = "" if found.server.required else " · optional"
        console.print(printable(f"✗ {name}{optional} · {_why(found)}"), style="red", markup=False)
        if found.error.guidance:
            console.print(printable(f"  → {found.error.guidance}"), style="yellow", markup=False)
        return
    console.print(printable(f"✓ {name} · {found.tools} tools · {took}"), markup=False)
    for problem in found.problems:
        console.print(printable(f"  ! {problem}"), style="yellow", markup=False)


def _why(found: Glance) -> str:
    text = found.error.message if found.error else ""
    return text.removeprefix(f"MCP server {found.server.name!r:.100}: ")


def show_inspection(console: Console, found: Inspection) -> None:
    """Print everything that the server offers."""
    server = found.server
    console.print(printable(f"{server.name} · {where(server)} · scope {server.scope}"), style="bold", markup=False)
    for tool in found.tools:
        _show_tool(console, server, tool)
    for resource in found.resources:
        console.print(printable(f"resource {resource.uri} · {resource.title or resource.name}"), markup=False)
    for prompt in found.prompts:
        takes = ", ".join(name if required else f"{name}?" for name, required in prompt.arguments)
        console.print(printable(f"prompt {prompt.name}({takes}) · {prompt.description}"), markup=False)


def _show_tool(console: Console, server: McpServer, tool: McpTool) -> None:
    told = _tool(server, tool)
    summary = tool.description.strip().partition("\n")[0]
    console.print(printable(f"tool {tool.name} · {summary}"), markup=False)
    if not told["allowed"]:
        console.print("    not allowed by the settings", style="yellow", markup=False)
    lines: list[tuple[str, JsonValue]] = [("name for the model", told["model_name"]), ("hints", told["annotations"])]
    lines += [("arguments", told["schema"]), ("changes for the model", told["notes"]), ("left out", told["left_out"])]
    for label, value in lines:
        if value:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            console.print(printable(f"    {label}: {text}"), style="dim", markup=False)


def _tool(server: McpServer, tool: McpTool) -> JsonObject:
    mended = mend(tool.schema)
    return {
        "name": tool.name,
        "model_name": model_name(server.name, tool.name),
        "title": tool.title,
        "description": tool.description,
        "schema": tool.schema,
        "annotations": tool.annotations,
        "sha256": definition_hash(tool),
        "allowed": server.tools is None or tool.name in server.tools,
        "notes": [] if isinstance(mended, BeyondRepair) else [*mended.notes],
        "left_out": mended.reason if isinstance(mended, BeyondRepair) else "",
    }
