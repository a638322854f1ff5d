"""``lightagent mcp``: list, check and inspect MCP servers, without a model."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path
from typing import Annotated

import typer

from lightagent.compose.configured.tools import open_pins
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.mcp.servers import McpServer
from lightagent.entrypoints.cli.console import err, out, write_answer
from lightagent.entrypoints.cli.exit_codes import ExitCode, guarded
from lightagent.entrypoints.cli.logins import terminal_logins
from lightagent.entrypoints.cli.mcp.accept import accept_tools, changed_tools, show_changed
from lightagent.entrypoints.cli.mcp.inspect import (
    glance_at,
    inspect_server,
    look_at_servers,
    show_glance,
    show_inspection,
)
from lightagent.entrypoints.cli.options import AsJson, Config, Profile, TrustConfig, settings_for
from lightagent.entrypoints.cli.tools.named import McpFile
from lightagent.settings import Settings
from lightagent.settings.mcp_servers import McpReading, read_mcp, read_mcp_file
from lightagent.settings.origins import printable
from lightagent.settings.problems import raise_problems, suggest

mcp_app: typer.Typer = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@mcp_app.command("list")
@guarded
def list_servers(
    mcp_file: McpFile = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Connect to every MCP server, and print how many tools it has, or why it cannot be reached.

    Without `--mcp-file` the servers of the settings are used: `[default.mcp.NAME]` and `mcp_file` of `[default.tools]`.
    Exit code: 1 if a required server cannot be reached.

    **Examples**

    `lightagent mcp list`

    `lightagent mcp list --mcp-file .mcp.json --json`
    """
    named = mcp_file or settings_for(config, profile, False, trust_config)
    reading, pins = _reading(named), None if isinstance(named, Path) else open_pins(named)
    found = asyncio.run(look_at_servers(out(), reading.servers, pins=pins, quietly=as_json))
    missing = [*reading.unset, *reading.left_out.values()]
    if as_json:
        rows: list[JsonObject] = [one.to_dict() for one in found]
        rows.extend(_row(one.place, "unavailable", error=f"{one.message} {one.remedy}") for one in missing)
        rows.extend(_row(name, "disabled") for name in reading.disabled)
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
    name: Annotated[str, typer.Argument(help="The name of the server.", metavar="NAME")],
    mcp_file: McpFile = None,
    as_json: AsJson = False,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Show what an MCP server offers: tools with their schemas, resources and prompts.

    For each tool this includes its name for models, the changes that make its schema acceptable for every provider, and
    the SHA-256 of its definition.

    **Examples**

    `lightagent mcp inspect github`

    `lightagent mcp inspect time --mcp-file .mcp.json --json | jq '.tools[].name'`
    """
    reading = _reading(mcp_file or settings_for(config, profile, False, trust_config))
    server = _find(name, reading)
    with err().status(f"opening {printable(name)} …"):
        found = asyncio.run(inspect_server(server))
    if as_json:
        write_answer(json.dumps(found.to_dict(), ensure_ascii=False, indent=2) + "\n")
    else:
        show_inspection(out(), found)
    return ExitCode.COMPLETED


@mcp_app.command()
@guarded
def login(
    name: Annotated[str, typer.Argument(help="The name of the server.", metavar="NAME")],
    mcp_file: McpFile = None,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Log in to an MCP server that requires it: open the printed page in a browser on this machine.

    The tokens are stored in a private file; later commands use and renew them. They are yours: for other users, as in
    `run --user`, programs provide logins of their own.

    **Examples**

    `lightagent mcp login issues`
    """
    server = _find(name, _reading(mcp_file or settings_for(config, profile, False, trust_config)))
    if not server.may_want_login:
        raise ConfigurationError(
            f"The MCP server {name!r:.100} does not support logins.",
            guidance="Only servers with a URL and without an Authorization header in the settings do.",
        )
    found = asyncio.run(glance_at(server, terminal_logins()))
    show_glance(out(), found)
    return ExitCode.FAILED if found.error else ExitCode.COMPLETED


@mcp_app.command()
@guarded
def accept(
    name: Annotated[str, typer.Argument(help="The name of the server.", metavar="NAME")],
    tools: Annotated[
        list[str] | None, typer.Argument(help="Tools whose current definitions are accepted.", metavar="[TOOL]...")
    ] = None,
    config: Config = None,
    profile: Profile = None,
    trust_config: TrustConfig = False,
) -> ExitCode:
    """Show the tools of an MCP server whose definitions have changed, and accept those that are named.

    The accepted definitions are in the file `mcp_pins` of `[default.tools]`. Without TOOL nothing is accepted, and the
    exit code is 1 if something has changed.

    **Examples**

    `lightagent mcp accept github`

    `lightagent mcp accept github create_issue`
    """
    settings = settings_for(config, profile, False, trust_config)
    pins = open_pins(settings)
    if pins is None:
        raise ConfigurationError(
            "No file for accepted tool definitions is configured.",
            guidance='Add to lightagent.toml: [default.tools] with mcp_pins = "mcp-pins.json".',
        )
    server = _find(name, _reading(settings))
    with err().status(f"opening {printable(name)} …"):
        changed = asyncio.run(accept_tools(server, pins, tools) if tools else changed_tools(server, pins))
    show_changed(out(), changed)
    told = "accepted" if tools else "blocked until they are accepted" if changed else "nothing has changed"
    out().print(f"{len(changed)} tools · {told}" if changed else told, markup=False)
    return ExitCode.FAILED if changed and not tools else ExitCode.COMPLETED


def _reading(named: Path | Settings) -> McpReading:
    """Return the MCP servers of a file with mcpServers, or of the settings.

    Raises:
        ConfigurationError: no servers are named, or one is invalid.
    """
    reading = read_mcp_file(named, os.environ) if isinstance(named, Path) else read_mcp(named, os.environ)
    raise_problems(reading.problems)
    if not (reading.servers or reading.unset or reading.left_out or reading.disabled):
        raise ConfigurationError(
            "No MCP servers are configured.",
            guidance="Pass --mcp-file FILE.json, or add to lightagent.toml: [default.mcp.NAME] with "
            'command = "program" or url = "https://host/mcp".',
        )
    for key in reading.ignored:
        err().print(printable(f"{key} is an option of another client, and is ignored."), style="dim")
    return reading


def _row(name: str, state: str, **more: str) -> JsonObject:
    return {"name": name, "state": state, **more}


def _find(name: str, reading: McpReading) -> McpServer:
    """Return the server with this name.

    Raises:
        ConfigurationError: the server does not exist, is disabled, or cannot be started here.
    """
    for server in reading.servers:
        if server.name == name:
            return server
    raise_problems([one for one in (*reading.unset, *reading.left_out.values()) if f"{name}." in one.place])
    if name in reading.disabled:
        raise ConfigurationError(f"The MCP server {name!r:.100} is disabled.", guidance="Remove its `disabled`.")
    known = [server.name for server in reading.servers]
    raise ConfigurationError(
        f"The MCP server {name!r:.100} does not exist.", guidance=suggest(name, known, "Known servers")
    )
