"""Check the tools of the settings: those of the tools directory, whose files are run, of MCP servers and of APIs."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from lightagent.application.tools.loader import ToolLoader
from lightagent.compose.configured.tools import open_apis, open_pins
from lightagent.domain.errors import LightAgentError
from lightagent.entrypoints.cli.console import show_error
from lightagent.entrypoints.cli.mcp.inspect import look_at_servers
from lightagent.settings import Settings
from lightagent.settings.mcp_servers import read_mcp
from lightagent.settings.origins import printable


def examine_tools(console: Console, settings: Settings, seconds: float) -> bool:
    """Check all tools and print the results. Return whether everything that is required can be used.

    Args:
        seconds: timeout for each server, unless its own is shorter.
    """
    sound = _examine_directory(console, settings.tool_directory())
    reading = read_mcp(settings, os.environ)
    for problem in (*reading.problems, *reading.unset):
        console.print(printable(f"✗ mcp · {problem}"), style="red", markup=False)
    for problem in reading.left_out.values():
        console.print(printable(f"! mcp · {problem}"), style="yellow", markup=False)
    servers = [replace(one, open_timeout=min(one.open_timeout, seconds)) for one in reading.servers]
    found = asyncio.run(look_at_servers(console, servers, pins=open_pins(settings))) if servers else []
    lost = [one for one in found if one.error is not None and one.server.required]
    apis_are_sound = _examine_apis(console, settings)
    return sound and apis_are_sound and not (reading.problems or reading.unset or lost)


def _examine_apis(console: Console, settings: Settings) -> bool:
    """Read the document of each API, without calling an operation."""
    try:
        sources = open_apis(settings)
    except LightAgentError as exc:
        console.print("✗ openapi", style="red", markup=False)
        show_error(exc.info)
        return False
    sound = True
    for source in sources:
        try:
            listed = asyncio.run(source.tools())
        except LightAgentError as exc:
            console.print(printable(f"✗ openapi · {source.name}"), style="red", markup=False)
            show_error(exc.info)
            sound = False
            continue
        out = f" · {len(source.refused)} left out" if source.refused else ""
        console.print(printable(f"✓ openapi · {source.name} · {len(listed.tools)} tools{out}"), markup=False)
    return sound


def _examine_directory(console: Console, directory: Path | None) -> bool:
    if directory is None:
        return True
    loader = ToolLoader(directory)
    try:
        listed = asyncio.run(loader.tools())
    except LightAgentError as exc:
        console.print(f"✗ tools · {directory}", style="red", markup=False)
        show_error(exc.info)
        return False
    console.print(printable(f"✓ tools · {directory} · {len(listed.tools)} tools"), markup=False)
    for problem in loader.problems:
        console.print(printable(f"! {problem['message']}"), style="yellow", markup=False)
    return True
