"""All MCP servers that settings name: in tables of their own, and in a file of another client."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from lightagent.domain.mcp.servers import McpServer
from lightagent.settings.mcp_clients import ClientServers, client_servers
from lightagent.settings.mcp_schema import McpServerSettings
from lightagent.settings.mcp_servers import Surroundings, check_server
from lightagent.settings.origins import KeyPath, Problem, short_path
from lightagent.settings.schema import Settings

_LARGEST: Final = 1_000_000
"""Bytes of a file of servers."""


@dataclass(frozen=True, slots=True)
class McpReading:
    """What came of reading the servers.

    Attributes:
        servers: those without problems that are not disabled.
        problems: what is wrong anywhere.
        unset: what is missing here of servers that are required.
        left_out: why servers that are optional are left out here, by name.
        disabled: the names of those that are switched off.
        ignored: keys that only another client understands.
    """

    servers: tuple[McpServer, ...] = ()
    problems: tuple[Problem, ...] = ()
    unset: tuple[Problem, ...] = ()
    left_out: Mapping[str, Problem] = field(default_factory=dict)
    disabled: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()


def read_mcp(settings: Settings, environ: Mapping[str, str]) -> McpReading:
    """The servers of the settings. Starts nothing and touches no network."""
    provenance = settings.provenance
    file = provenance.file
    around = Surroundings(environ, file.parent if file else Path.cwd(), settings.tools.mcp_commands)
    own = _checked(settings.mcp, around, partial(_in_settings, settings))
    path = settings.tools.mcp_file
    if path is None:
        return own
    others = read_mcp_file(provenance.beside(("tools", "mcp_file"), path), environ, settings.tools.mcp_commands)
    twice = [*_twice(settings, others, path)]
    return McpReading(
        (*own.servers, *others.servers),
        (*own.problems, *others.problems, *twice),
        (*own.unset, *others.unset),
        {**own.left_out, **others.left_out},
        (*own.disabled, *others.disabled),
        others.ignored,
    )


def read_mcp_file(path: Path, environ: Mapping[str, str], commands: list[str] | None = None) -> McpReading:
    """The servers in a file that another client reads, such as ``.mcp.json``."""
    place = short_path(path.absolute())
    try:
        described = client_servers(_document(path), place, environ)
    except (OSError, ValueError, RecursionError) as exc:
        why = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        problem = Problem(place, f"MCP servers cannot be read from it: {why}.", "Check the path, and that it is JSON.")
        return McpReading(problems=(problem,))
    around = Surroundings(environ, path.absolute().parent, commands)
    return from_client(described, around, place)


def from_client(described: ClientServers, around: Surroundings, place: str) -> McpReading:
    """The servers that a document of another client describes."""
    found = _checked(described.servers, around, partial(_in_file, place))
    problems = (*described.problems, *found.problems)
    return McpReading(found.servers, problems, found.unset, found.left_out, found.disabled, described.ignored)


def _in_settings(settings: Settings, name: str, path: KeyPath) -> str:
    return settings.provenance.place(("mcp", name, *path))


def _in_file(place: str, name: str, path: KeyPath) -> str:
    return ".".join((f"{place}: mcpServers.{name}", *path))


def _checked(
    tables: Mapping[str, McpServerSettings], around: Surroundings, place: Callable[[str, KeyPath], str]
) -> McpReading:
    """The servers of these tables.

    Args:
        place: where an option of the server of that name was written, for errors.
    """
    used = {name: table for name, table in tables.items() if not table.disabled}
    checks = {name: check_server(name, table, around, partial(place, name)) for name, table in used.items()}
    found = checks.values()
    return McpReading(
        tuple(check.server for check in found if check.server is not None),
        tuple(problem for check in found for problem in check.problems),
        tuple(problem for name, check in checks.items() if used[name].required for problem in check.unset),
        {name: check.unset[0] for name, check in checks.items() if check.unset and not used[name].required},
        tuple(name for name in tables if name not in used),
    )


def _twice(settings: Settings, others: McpReading, path: Path) -> Iterator[Problem]:
    """Names that both the settings and the file have: which server is meant cannot be guessed."""
    for server in others.servers:
        if server.name in settings.mcp:
            at: KeyPath = ("mcp", server.name)
            yield Problem(
                settings.provenance.place(at), f"{path.name} has a server of this name, too.", "Rename one of them."
            )


def _document(path: Path) -> object:
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise ValueError(f"it is larger than {_LARGEST:,} bytes")
    document: object = json.loads(content.decode("utf-8-sig"))
    return document
