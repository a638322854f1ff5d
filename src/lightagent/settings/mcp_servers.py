"""The MCP servers that settings name, in sections of their own and in a file of another client, or their problems."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from lightagent.domain.json_types import JsonValue
from lightagent.domain.mcp.servers import HttpServer, HttpTransport, McpServer, StdioServer
from lightagent.settings.mcp_clients import ClientServers, client_servers
from lightagent.settings.origins import KeyPath, short_path
from lightagent.settings.problems import Problem, unset_variable
from lightagent.settings.schema import Settings
from lightagent.settings.secrets import Resolver
from lightagent.settings.sections.mcp import McpServerSettings

_LARGEST: Final = 1_000_000
"""Bytes of a file of servers."""
_UNSENDABLE: Final = re.compile(r"[\r\n\x00]")
_URL: Final = re.compile(r"https?://[^/\s]+\S*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class McpReading:
    """The result of reading the servers.

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
    """Report names that both the settings and the file define."""
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


@dataclass(frozen=True, slots=True)
class ServerCheck:
    """The result of checking a server's section.

    Attributes:
        server: what to connect to, where nothing is wrong.
        problems: what is wrong with it anywhere.
        unset: variables and programs that are missing here; elsewhere they may be there.
    """

    server: McpServer | None = None
    problems: tuple[Problem, ...] = ()
    unset: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the meaning of a server's section depends on.

    Attributes:
        environ: where references are looked up.
        folder: what relative paths start from.
        commands: the programs that are allowed; None: any.
    """

    environ: Mapping[str, str] = field(repr=False)
    folder: Path
    commands: Sequence[str] | None = None


def check_server(
    name: str, table: McpServerSettings, around: Surroundings, place: Callable[[KeyPath], str]
) -> ServerCheck:
    """The server that a table describes. Starts nothing and touches no network.

    Args:
        place: where an option of the table was written, for errors.
    """
    resolver = Resolver(around.environ)
    resolved: dict[str, JsonValue] = {
        "args": resolver.resolve(("args",), [*table.args]),
        "url": resolver.resolve(("url",), table.url),
        # Name by name: a variable may be called env.
        "env": {one: resolver.resolve(("env", one), value) for one, value in table.env.items()},
        "headers": {one: resolver.resolve(("headers", one), value) for one, value in table.headers.items()},
    }
    problems = [*_forbidden(table, around, place), *_unusable(resolved, place)]
    unset = [unset_variable(place((path[0],)), variable) for path, variable in resolver.missing]
    connection: StdioServer | HttpServer
    if table.command is not None:
        command = _program(table.command, around)
        if command is None:
            unset.append(_no_program(place(("command",)), table.command))
        folder = table.cwd and str(around.folder / Path(table.cwd).expanduser())
        environ, missing = _environment(resolved["env"], table.inherit, around.environ)
        unset += [unset_variable(place(("inherit",)), variable) for variable in missing]
        connection = StdioServer(command or table.command, tuple(_texts(resolved["args"])), environ, folder)
    else:
        transport: HttpTransport = "streamable-http" if table.chosen_transport == "streamable-http" else "sse"
        connection = HttpServer(str(resolved["url"]), transport, _mapping(resolved["headers"]))
    if problems or unset:
        return ServerCheck(None, tuple(one.redacted(resolver.redact) for one in problems), tuple(unset))
    return ServerCheck(
        McpServer(
            name,
            connection,
            tools=None if table.tools is None else tuple(table.tools),
            required=table.required,
            scope=table.scope,
            open_timeout=table.open_timeout,
            call_timeout=table.call_timeout,
            max_bytes=table.max_bytes,
            capabilities=tuple(table.capabilities),
            risk=table.risk,
            approval=table.approval if isinstance(table.approval, bool) else tuple(table.approval),
        )
    )


def _forbidden(table: McpServerSettings, around: Surroundings, place: Callable[[KeyPath], str]) -> list[Problem]:
    """Report a program that is not allowed. Compared as written: a file of the same name is another program."""
    allowed = around.commands
    if table.command is None or allowed is None or table.command in allowed:
        return []
    listed = ", ".join(map(repr, allowed)) or "none"
    return [
        Problem(
            place(("command",)),
            f"The program {table.command[:200]!r} is not allowed for MCP servers.",
            f"Allowed are: {listed}. Add it to mcp_commands of [default.tools] if you trust it.",
        )
    ]


def _unusable(resolved: Mapping[str, JsonValue], place: Callable[[KeyPath], str]) -> list[Problem]:
    """Report values that no process or request can take. They are not shown, since they may be secret."""
    problems: list[Problem] = []
    url = resolved["url"]
    if isinstance(url, str) and url and not _URL.fullmatch(url):
        problems.append(Problem(place(("url",)), "This is not the address of a server.", "Write https://host/path."))
    for name, value in _mapping(resolved["headers"]).items():
        if _UNSENDABLE.search(name + value):
            problems.append(Problem(place(("headers", name)), "A header must be one line of text.", ""))
    for name, value in _mapping(resolved["env"]).items():
        if not name or "=" in name or "\x00" in name + value:
            problems.append(Problem(place(("env", name)), "Invalid name or value of an environment variable.", ""))
    if any("\x00" in text for text in _texts(resolved["args"])):
        problems.append(Problem(place(("args",)), "An argument of a program must not contain a NUL.", ""))
    return problems


def _program(command: str, around: Surroundings) -> str | None:
    """The file that is started, found with the PATH of this program: the child may not have one."""
    if "/" in command or os.sep in command:  # A path, such as `./server`, which pathlib would take for a name.
        path = around.folder / Path(command).expanduser()
        return str(path) if shutil.which(path) else None
    return shutil.which(command, path=around.environ.get("PATH"))


def _environment(
    written: JsonValue, inherited: Sequence[str], environ: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """The child's variables, and the names of those that are not set here."""
    given = {name: environ[name] for name in inherited if name in environ}
    return given | _mapping(written), [name for name in inherited if name not in environ]


def _no_program(place: str, command: str) -> Problem:
    remedy = "Install it, or write its whole path."
    if " " in command.strip():
        remedy = 'The command is not split into words: write command = "program" and args = ["first", "second"].'
    return Problem(place, f"The program {command[:200]!r} was not found.", remedy)


def _texts(value: JsonValue) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _mapping(value: JsonValue) -> dict[str, str]:
    return {name: str(one) for name, one in value.items()} if isinstance(value, dict) else {}
