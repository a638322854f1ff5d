"""The tools that a command is about: those that its options name, or else those of the settings."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar

import typer

from lightagent.application.tool_sources.mcp_tools import McpTools
from lightagent.application.tools.catalogue import Catalogue
from lightagent.application.tools.function_tool import as_tool
from lightagent.application.tools.loader import ToolLoader
from lightagent.application.tools.tool_info import ToolProblem
from lightagent.application.tools.toolset import Toolset
from lightagent.bootstrap import open_pins, open_tools
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.foreign_names import model_name
from lightagent.domain.mcp_faults import McpUnavailable
from lightagent.entrypoints.cli.console import err
from lightagent.entrypoints.cli.logins import kept_logins, logins_for
from lightagent.entrypoints.cli.options import settings_for
from lightagent.entrypoints.cli.tool_files import load_tools
from lightagent.ports.mcp import ToolPins
from lightagent.settings.mcp_reading import McpReading, read_mcp, read_mcp_file
from lightagent.settings.origins import raise_problems

T = TypeVar("T")

McpFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--mcp-file", metavar="FILE.json", help="A file with mcpServers, as other clients have it. They are started."
    ),
]


@dataclass(frozen=True, slots=True)
class Named:
    """What the options of a command name.

    Attributes:
        files: Python files with functions.
        directory: a directory of tools.
        mcp_file: a file with MCP servers.
        config, profile, trust: which settings hold, where none of these is named.
    """

    files: list[str] | None
    directory: Path | None
    mcp_file: Path | None
    config: Path | None
    profile: str | None
    trust: bool

    def sources(self) -> tuple[ToolLoader | None, McpReading, ToolPins | None]:
        """The directory of tools, the MCP servers, and where it is kept how they declared their tools.

        Raises:
            ConfigurationError: something is wrong with the settings, the directory or a server.
        """
        if self.files or self.directory is not None or self.mcp_file is not None:
            loader = None if self.directory is None else ToolLoader(self.directory)
            reading = McpReading() if self.mcp_file is None else read_mcp_file(self.mcp_file, os.environ)
            pins = None
        else:
            settings = settings_for(self.config, self.profile, False, self.trust)
            loader, reading, pins = open_tools(settings), read_mcp(settings, os.environ), open_pins(settings)
        raise_problems(reading.problems)
        return loader, reading, pins


@dataclass(frozen=True, slots=True)
class FoundTools:
    """The tools, what is wrong with others that were named, and the servers that they may come from."""

    toolset: Toolset[object]
    problems: tuple[ToolProblem, ...]
    servers: tuple[McpTools, ...] = ()

    def unavailable(self, tool: str) -> McpUnavailable | None:
        """Why the server of that tool cannot be reached, where that is so."""
        return next((source.unavailable for source in self.servers if _may_have(source.name, tool)), None)


def with_tools(work: Callable[[FoundTools], Awaitable[T]], named: Named, only: str = "") -> T:
    """What `work` gives with the tools that are named.

    An MCP server that cannot be reached is a problem; the tools of the others are there.

    Args:
        only: the name of one tool: servers that cannot have it are not opened.

    Raises:
        ConfigurationError: none are named, or they cannot be listed.
    """
    functions = load_tools(named.files)
    loader, reading, pins = named.sources()
    servers = _sources(reading, only, pins)
    if loader is None and not (functions or servers or reading.left_out or reading.unset):
        raise ConfigurationError(
            "No tools are named.",
            guidance="Pass --directory DIR, --tools FILE.py or --mcp-file FILE.json, or add to lightagent.toml: "
            '[default.tools] with directory = "tools", or [default.mcp.NAME] with command = "program".',
        )
    sources = (*([] if loader is None else [loader]), *servers)
    catalogue: Catalogue[object] = Catalogue(map(as_tool, functions), sources)

    async def carry_out() -> T:
        try:
            with err().status("opening MCP servers …" if servers else "listing …"):
                toolset = await catalogue.toolset()
            return await work(
                FoundTools(_reached(toolset, servers), _problems(loader, servers, reading), tuple(servers))
            )
        finally:
            await catalogue.aclose()

    return asyncio.run(carry_out())


def _sources(reading: McpReading, only: str, pins: ToolPins | None) -> list[McpTools]:
    from lightagent.compose.mcp import mcp_tools

    chosen = [server for server in reading.servers if not only or _may_have(server.name, only)]
    # Not required: a server that cannot be reached is a problem beside the tools of the others.
    logins = kept_logins()
    return [
        mcp_tools(replace(server, required=False), logins=logins_for(server, logins), pins=pins)
        for server in chosen or reading.servers
    ]


def _may_have(server: str, tool: str) -> bool:
    """Whether a tool, by its own name or by that which models call it by, is recognisably one of the server's."""
    return tool.startswith((f"{server}/", f"{server}__"))


def _reached(toolset: Toolset[object], servers: list[McpTools]) -> Toolset[object]:
    """The tools without those that stand in for servers that cannot be reached."""
    gone = {model_name(source.name, "unavailable") for source in servers if source.unavailable is not None}
    return Toolset({name: tool for name, tool in toolset.tools.items() if name not in gone}) if gone else toolset


def _problems(loader: ToolLoader | None, servers: list[McpTools], reading: McpReading) -> tuple[ToolProblem, ...]:
    down = [
        _problem(source.name, "unavailable", source.unavailable.message)
        for source in servers
        if source.unavailable is not None
    ]
    missing = [_problem("", "mcp", str(problem)) for problem in (*reading.unset, *reading.left_out.values())]
    of_files = () if loader is None else loader.problems
    return (*of_files, *(problem for source in servers for problem in source.problems), *down, *missing)


def _problem(name: str, field: str, message: str) -> ToolProblem:
    return ToolProblem(tool=name, level="error", field=field, message=message)
