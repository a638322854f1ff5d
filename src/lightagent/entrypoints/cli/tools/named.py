"""Load the tools that a command works with: those that its options name, or else those of the settings."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar

import typer

from lightagent.application.tool_sources.mcp_tools import McpTools
from lightagent.application.tool_sources.openapi_tools import OpenApiTools
from lightagent.application.tools.catalogue import Catalogue
from lightagent.application.tools.function_tool import as_tool
from lightagent.application.tools.loader import ToolLoader
from lightagent.application.tools.tool_info import ToolProblem
from lightagent.application.tools.toolset import Toolset
from lightagent.compose.configured.tools import open_apis, open_pins, open_tools
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.mcp.faults import McpUnavailable
from lightagent.domain.tools.foreign_names import model_name
from lightagent.entrypoints.cli.console import err
from lightagent.entrypoints.cli.logins import logins_for, stored_logins
from lightagent.entrypoints.cli.options import settings_for
from lightagent.entrypoints.cli.tools.files import load_tools
from lightagent.ports.mcp import ToolPins
from lightagent.settings.mcp_servers import McpReading, read_mcp, read_mcp_file
from lightagent.settings.problems import raise_problems

T = TypeVar("T")

McpFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--mcp-file",
        metavar="FILE.json",
        help="A file with mcpServers, as other clients use it. The servers are started.",
    ),
]


@dataclass(frozen=True, slots=True)
class NamedSources:
    """The sources of tools other than Python files with functions.

    Attributes:
        loader: loads the directory of tools.
        reading: the MCP servers.
        apis: the APIs with an OpenAPI document.
        pins: the pinned tool definitions of MCP servers.
    """

    loader: ToolLoader | None
    reading: McpReading
    apis: tuple[OpenApiTools, ...] = ()
    pins: ToolPins | None = None


@dataclass(frozen=True, slots=True)
class Named:
    """The sources of tools that the options of a command name.

    Attributes:
        files: Python files with functions.
        directory: a directory of tools.
        mcp_file: a file with MCP servers.
        config, profile, trust: select the settings that are used if none of these is named.
    """

    files: list[str] | None
    directory: Path | None
    mcp_file: Path | None
    config: Path | None
    profile: str | None
    trust: bool

    def sources(self) -> NamedSources:
        """Return the sources of tools other than the Python files.

        Raises:
            ConfigurationError: the settings, the directory or a server are invalid.
        """
        if self.files or self.directory is not None or self.mcp_file is not None:
            loader = None if self.directory is None else ToolLoader(self.directory)
            reading = McpReading() if self.mcp_file is None else read_mcp_file(self.mcp_file, os.environ)
            raise_problems(reading.problems)
            return NamedSources(loader, reading)
        settings = settings_for(self.config, self.profile, False, self.trust)
        reading = read_mcp(settings, os.environ)
        raise_problems(reading.problems)
        return NamedSources(open_tools(settings), reading, open_apis(settings), open_pins(settings))


@dataclass(frozen=True, slots=True)
class FoundTools:
    """The tools that were found, the problems with others, and the MCP servers that were opened."""

    toolset: Toolset[object]
    problems: tuple[ToolProblem, ...]
    servers: tuple[McpTools, ...] = ()

    def unavailable(self, tool: str) -> McpUnavailable | None:
        """Return the error of the tool's server if it cannot be reached, else None."""
        return next((source.unavailable for source in self.servers if _may_have(source.name, tool)), None)


def with_tools(work: Callable[[FoundTools], Awaitable[T]], named: Named, only: str = "") -> T:
    """Return the result of `work` with the named tools, and close their sources afterwards.

    An MCP server that cannot be reached is reported as a problem; the tools of the others are available.

    Args:
        only: the name of the only tool that is needed; servers that cannot have it are not opened.

    Raises:
        ConfigurationError: no tools are named, or they cannot be listed.
    """
    functions = load_tools(named.files)
    found = named.sources()
    loader, reading, apis = found.loader, found.reading, found.apis
    servers = _sources(reading, only, found.pins)
    if loader is None and not (functions or servers or apis or reading.left_out or reading.unset):
        raise ConfigurationError(
            "No tools are configured.",
            guidance="Pass --directory DIR, --tools FILE.py or --mcp-file FILE.json, or add to lightagent.toml: "
            '[default.tools] with directory = "tools", [default.mcp.NAME] with command = "program", or '
            '[default.openapi.NAME] with document = "api.json".',
        )
    sources = (*([] if loader is None else [loader]), *servers, *apis)
    catalogue: Catalogue[object] = Catalogue(map(as_tool, functions), sources)

    async def carry_out() -> T:
        try:
            with err().status("opening MCP servers …" if servers else "listing …"):
                toolset = await catalogue.toolset()
            return await work(
                FoundTools(_reached(toolset, servers), _problems(loader, servers, reading, apis), tuple(servers))
            )
        finally:
            await catalogue.aclose()

    return asyncio.run(carry_out())


def _sources(reading: McpReading, only: str, pins: ToolPins | None) -> list[McpTools]:
    from lightagent.compose.mcp import mcp_tools

    chosen = [server for server in reading.servers if not only or _may_have(server.name, only)]
    # Treated as optional, so that an unreachable server is reported without losing the tools of the others.
    logins = stored_logins()
    return [
        mcp_tools(replace(server, required=False), logins=logins_for(server, logins), pins=pins)
        for server in chosen or reading.servers
    ]


def _may_have(server: str, tool: str) -> bool:
    """Return whether a tool's name, its original one or the one that models use, has the prefix of the server."""
    return tool.startswith((f"{server}/", f"{server}__"))


def _reached(toolset: Toolset[object], servers: list[McpTools]) -> Toolset[object]:
    """Return the tools without the placeholders of servers that cannot be reached."""
    gone = {model_name(source.name, "unavailable") for source in servers if source.unavailable is not None}
    return Toolset({name: tool for name, tool in toolset.tools.items() if name not in gone}) if gone else toolset


def _problems(
    loader: ToolLoader | None, servers: list[McpTools], reading: McpReading, apis: tuple[OpenApiTools, ...]
) -> tuple[ToolProblem, ...]:
    down = [
        _problem(source.name, "unavailable", source.unavailable.message)
        for source in servers
        if source.unavailable is not None
    ]
    missing = [_problem("", "mcp", str(problem)) for problem in (*reading.unset, *reading.left_out.values())]
    of_files = () if loader is None else loader.problems
    listed: tuple[McpTools | OpenApiTools, ...] = (*servers, *apis)
    return (*of_files, *(problem for source in listed for problem in source.problems), *down, *missing)


def _problem(name: str, field: str, message: str) -> ToolProblem:
    return ToolProblem(tool=name, level="error", field=field, message=message)
