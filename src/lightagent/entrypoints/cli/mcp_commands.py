"""``lightagent mcp``: which MCP servers there are, whether they answer, and what they have; without a model."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Annotated

import typer

from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.mcp import McpServer
from lightagent.entrypoints.cli.console import ExitCode, err, guarded, out, write_answer
from lightagent.entrypoints.cli.examine_tools import look_at_servers
from lightagent.entrypoints.cli.inspect_server import inspect_server, show_inspection
from lightagent.entrypoints.cli.named_tools import McpFile
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, TrustConfig, settings_for
from lightagent.settings.mcp_reading import McpReading, read_mcp, read_mcp_file
from lightagent.settings.origins import printable, raise_problems, suggest

mcp_app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@mcp_app.command("list")
@guarded
def list_servers(
    mcp_file: McpFile = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Start or reach every MCP server, and print how many tools each has, or why it cannot be reached.

    Without `--mcp-file` they are those of the settings: `[default.mcp.NAME]` and `mcp_file` of `[default.tools]`.
    Ends with 1 if one that is required cannot be reached.

    **Examples**

    `lightagent mcp list`

    `lightagent mcp list --mcp-file .mcp.json --json`
    """
    reading = _reading(mcp_file, config, profile, trust_config)
    found = asyncio.run(look_at_servers(out(), reading.servers, quietly=as_json))
    missing = [*reading.unset, *reading.left_out.values()]
    if as_json:
        rows: list[JsonObject] = [one.to_dict() for one in found]
        rows += [{"name": one.place, "state": "unavailable", "error": f"{one.message} {one.remedy}"} for one in missing]
        rows += [{"name": name, "state": "disabled"} for name in reading.disabled]
        write_answer(json.dumps(rows, ensure_ascii=False, indent=2) + "\n")
    else:
        for problem in missing:
            out().print(printable(f"✗ {problem}"), style="red", markup=False)
        for name in reading.disabled:
            out().print(printable(f"- {name} · disabled"), style="dim", markup=False)
    lost = [one for one in found if one.error and one.server.required]
    return ExitCode.FAILED if lost or reading.unset else ExitCode.COMPLETED


@mcp_app.command()
@guarded
def inspect(
    name: Annotated[str, typer.Argument(help="The server.", metavar="NAME")],
    mcp_file: McpFile = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Print all that an MCP server has: its tools with their schemas, its resources and its prompts.

    For each tool it tells what a model calls it by, what was changed in its schema so that every provider takes it, and
    the SHA-256 of its definition.

    **Examples**

    `lightagent mcp inspect github`

    `lightagent mcp inspect time --mcp-file .mcp.json --json | jq '.tools[].name'`
    """
    reading = _reading(mcp_file, config, profile, trust_config)
    server = _find(name, reading)
    with err().status(f"opening {printable(name)} …"):
        found = asyncio.run(inspect_server(server))
    if as_json:
        write_answer(json.dumps(found.to_dict(), ensure_ascii=False, indent=2) + "\n")
    else:
        show_inspection(out(), found)
    return ExitCode.COMPLETED


def _reading(mcp_file: Path | None, config: Path | None, profile: str | None, trust: bool) -> McpReading:
    """The servers that are named, or those of the settings.

    Raises:
        ConfigurationError: there are none, or something is wrong with one.
    """
    if mcp_file is not None:
        reading = read_mcp_file(mcp_file, os.environ)
    else:
        reading = read_mcp(settings_for(config, profile, False, trust), os.environ)
    raise_problems(reading.problems)
    if not (reading.servers or reading.unset or reading.left_out or reading.disabled):
        raise ConfigurationError(
            "No MCP servers are named.",
            guidance="Pass --mcp-file FILE.json, or add to lightagent.toml: [default.mcp.NAME] with "
            'command = "program" or url = "https://host/mcp".',
        )
    for key in reading.ignored:
        err().print(printable(f"{key} means something to another client only, and is not used."), style="dim")
    return reading


def _find(name: str, reading: McpReading) -> McpServer:
    """The server of that name.

    Raises:
        ConfigurationError: there is none, it is disabled, or it cannot be started here.
    """
    for server in reading.servers:
        if server.name == name:
            return server
    raise_problems([one for one in (*reading.unset, *reading.left_out.values()) if f"{name}." in one.place])
    if name in reading.disabled:
        raise ConfigurationError(f"The MCP server {name!r:.100} is disabled.", guidance="Remove its `disabled`.")
    known = [server.name for server in reading.servers]
    raise ConfigurationError(
        f"There is no MCP server {name!r:.100}.", guidance=suggest(name, known, "Servers there are")
    )
