"""From the servers that settings describe to those that are connected to, or to all that is wrong with them."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lightagent.domain.json_types import JsonValue
from lightagent.domain.mcp.servers import HttpServer, HttpTransport, McpServer, StdioServer
from lightagent.domain.secrets.masking import unless_key
from lightagent.settings.mcp_schema import McpServerSettings
from lightagent.settings.origins import KeyPath, Problem
from lightagent.settings.secrets import Resolver

_UNSENDABLE: Final = re.compile(r"[\r\n\x00]")
_URL: Final = re.compile(r"https?://[^/\s]+\S*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class ServerCheck:
    """What came of a server's table.

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
    """What the meaning of a table depends on.

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
    unset = [_unset(place((path[0],)), variable) for path, variable in resolver.missing]
    connection: StdioServer | HttpServer
    if table.command is not None:
        command = _program(table.command, around)
        if command is None:
            unset.append(_no_program(place(("command",)), table.command))
        folder = table.cwd and str(around.folder / Path(table.cwd).expanduser())
        environ, missing = _environment(resolved["env"], table.inherit, around.environ)
        unset += [_unset(place(("inherit",)), variable) for variable in missing]
        connection = StdioServer(command or table.command, tuple(_texts(resolved["args"])), environ, folder)
    else:
        transport: HttpTransport = "streamable-http" if table.chosen_transport == "streamable-http" else "sse"
        connection = HttpServer(str(resolved["url"]), transport, _mapping(resolved["headers"]))
    if problems or unset:
        return ServerCheck(None, tuple(_redacted(resolver, one) for one in problems), tuple(unset))
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
    """A program that is not allowed. It is allowed as it is written: another file of its name is another program."""
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
    """What no process and no request could be given. Nothing of it is shown: it may be secret."""
    problems: list[Problem] = []
    url = resolved["url"]
    if isinstance(url, str) and url and not _URL.fullmatch(url):
        problems.append(Problem(place(("url",)), "This is not the address of a server.", "Write https://host/path."))
    for name, value in _mapping(resolved["headers"]).items():
        if _UNSENDABLE.search(name + value):
            problems.append(Problem(place(("headers", name)), "A header is one line of text.", ""))
    for name, value in _mapping(resolved["env"]).items():
        if not name or "=" in name or "\x00" in name + value:
            problems.append(Problem(place(("env", name)), "This cannot be a variable of a process.", ""))
    if any("\x00" in text for text in _texts(resolved["args"])):
        problems.append(Problem(place(("args",)), "An argument of a program holds no NUL.", ""))
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


def _unset(place: str, variable: str) -> Problem:
    return Problem(
        place, f"The environment variable {unless_key(variable)} is not set.", f"Type: export {unless_key(variable)}=…"
    )


def _no_program(place: str, command: str) -> Problem:
    remedy = "Install it, or write its whole path."
    if " " in command.strip():
        remedy = 'No shell takes it apart: write command = "program" and args = ["first", "second"].'
    return Problem(place, f"The program {command[:200]!r} was not found.", remedy)


def _texts(value: JsonValue) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else []


def _mapping(value: JsonValue) -> dict[str, str]:
    return {name: str(one) for name, one in value.items()} if isinstance(value, dict) else {}


def _redacted(resolver: Resolver, problem: Problem) -> Problem:
    return Problem(problem.place, resolver.redact(problem.message), resolver.redact(problem.remedy), problem.error)
