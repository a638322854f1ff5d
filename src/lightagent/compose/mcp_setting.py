"""MCP servers as programs describe them: ``{"mcpServers": {…}}``, a file of another client, or values."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from typing_extensions import TypeIs

from lightagent.compose.mcp import McpHeaders
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.mcp.servers import McpServer
from lightagent.settings.mcp_clients import client_servers
from lightagent.settings.mcp_servers import McpReading, Surroundings, from_client, read_mcp_file
from lightagent.settings.problems import raise_problems

McpSetting: TypeAlias = Mapping[str, object] | str | os.PathLike[str] | Sequence[McpServer]
"""``{"mcpServers": {name: {…}}}`` as other clients have it, the path of a JSON file of that, or servers."""


def described_servers(setting: McpSetting) -> list[tuple[McpServer, McpHeaders | None]]:
    """The servers, and for each the function that gives its headers, where there is one.

    Raises:
        ConfigurationError: something is wrong with one of them; all problems are reported at once.
    """
    if isinstance(setting, str | os.PathLike):
        return [(server, None) for server in _sound(read_mcp_file(Path(setting), os.environ))]
    if isinstance(setting, Mapping):
        document, asked = _without_functions(setting)
        around = Surroundings(os.environ, Path.cwd())
        found = from_client(client_servers(document, "mcp_setting"), around, "mcp_setting")
        return [(server, asked.get(server.name)) for server in _sound(found)]
    given: object = setting
    listed: list[object] = [*given] if isinstance(given, Sequence) else [given]
    servers: list[tuple[McpServer, McpHeaders | None]] = []
    for one in listed:
        if not isinstance(one, McpServer):
            raise ConfigurationError(
                f"setup_mcp: expected {{'mcpServers': {{…}}}}, a path or servers, got a {type(one).__name__}.",
                guidance='Write mcp_setting={"mcpServers": {"name": {"command": "program", "args": []}}}.',
            )
        servers.append((one, None))
    return servers


def _sound(reading: McpReading) -> tuple[McpServer, ...]:
    raise_problems([*reading.problems, *reading.unset])
    return reading.servers


def _without_functions(setting: Mapping[str, object]) -> tuple[dict[str, object], dict[str, McpHeaders]]:
    """The setting as plain data, and the headers that are functions."""
    listed = setting.get("mcpServers")
    if not isinstance(listed, Mapping):
        return dict(setting), {}
    asked: dict[str, McpHeaders] = {}
    plain: dict[str, object] = {}
    for name, described in listed.items():
        server = dict(described) if isinstance(described, Mapping) else described
        if isinstance(server, dict) and _is_headers(headers := server.get("headers")):
            asked[str(name)] = headers
            del server["headers"]
        plain[name] = server
    return {"mcpServers": plain}, asked


def _is_headers(value: object) -> TypeIs[McpHeaders]:
    return callable(value)
