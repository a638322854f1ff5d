"""Compare the tools that an MCP server declares with their pinned definitions, and accept changes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console

from lightagent.compose.mcp import mcp_tools
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonValue
from lightagent.domain.mcp.declarations import definition_hash
from lightagent.domain.mcp.servers import McpServer, McpTool
from lightagent.entrypoints.cli.logins import logins_for, stored_logins
from lightagent.ports.mcp import ToolPins
from lightagent.settings.origins import printable
from lightagent.settings.problems import suggest


@dataclass(frozen=True, slots=True)
class ChangedTool:
    """A tool whose declaration has changed: its pinned definition and the current one."""

    before: McpTool
    now: McpTool


async def changed_tools(server: McpServer, pins: ToolPins) -> list[ChangedTool]:
    """Connect to the server and compare its tools with the pinned definitions.

    Raises:
        McpUnavailable: the server cannot be reached.
        StoreError: the pinned definitions cannot be read.
    """
    source = mcp_tools(server, logins=logins_for(server, stored_logins()))
    try:
        declared = await source.connection.tools()
    finally:
        await source.aclose()
    kept = {tool.name: tool for tool in await pins.known(server.name, ())}
    pairs = [ChangedTool(kept[tool.name], tool) for tool in declared if tool.name in kept]
    return [pair for pair in pairs if definition_hash(pair.before) != definition_hash(pair.now)]


async def accept_tools(server: McpServer, pins: ToolPins, names: Sequence[str]) -> list[ChangedTool]:
    """Pin the current definitions of these tools, and return the tools.

    Raises:
        ConfigurationError: the definition of one of them has not changed.
    """
    changed = {one.now.name: one for one in await changed_tools(server, pins)}
    for name in names:
        if name not in changed:
            raise ConfigurationError(
                f"The MCP server {server.name!r:.100} has not changed the definition of {name!r:.100}.",
                guidance=suggest(name, list(changed), "Tools that have changed"),
            )
    for name in names:
        await pins.accept(server.name, changed[name].now)
    return [changed[name] for name in names]


def show_changed(console: Console, changed: Sequence[ChangedTool]) -> None:
    """Print the old and new definitions in full, since a server could hide a change behind many lines."""
    for one in changed:
        console.print(printable(f"the definition of the tool {one.now.name} has changed"), style="yellow", markup=False)
        for label, before, now in _differences(one):
            console.print(printable(f"  - {label}: {_text(before)}"), markup=False, soft_wrap=True)
            console.print(printable(f"  + {label}: {_text(now)}"), markup=False, soft_wrap=True)


def _differences(one: ChangedTool) -> Iterator[tuple[str, JsonValue, JsonValue]]:
    for label, before, now in (
        ("title", one.before.title, one.now.title),
        ("description", one.before.description, one.now.description),
        ("arguments", one.before.schema, one.now.schema),
        ("hints", one.before.annotations, one.now.annotations),
    ):
        if before != now:
            yield label, before, now


def _text(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False)
