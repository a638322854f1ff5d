"""MCP servers in the format of other clients: ``{"mcpServers": {name: {…}}}``, as JSON or as a dict."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

from pydantic import ValidationError

from lightagent.domain.json_types import JsonValue
from lightagent.domain.secrets.masking import shown, unless_key
from lightagent.settings.origins import KeyPath
from lightagent.settings.problems import Problem, validation_problems
from lightagent.settings.sections.mcp import McpServerSettings

_TRANSPORTS: Final[Mapping[str, str]] = {
    "stdio": "stdio",
    "sse": "sse",
    "http": "streamable-http",
    "streamablehttp": "streamable-http",
}
_VARIABLE: Final = re.compile(r"\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_ANY: Final = re.compile(r"\$\{[^}]*\}")
_NAMES: Final = frozenset(McpServerSettings.model_fields)
_TEXTS: Final = frozenset({"command", "args", "env", "cwd", "url", "headers"})
_SPELLINGS: Final[Mapping[str, str]] = {
    "type": "transport",
    "transportType": "transport",
    "serverUrl": "url",
    "httpUrl": "url",
}
"""The names that other clients have for keys of ours."""


@dataclass(frozen=True, slots=True)
class ClientServers:
    """What a document of another client describes.

    Attributes:
        servers: by name, including disabled ones.
        problems: what is wrong with the others.
        ignored: keys that only other clients understand, as ``server.key``.
    """

    servers: Mapping[str, McpServerSettings]
    problems: tuple[Problem, ...] = ()
    ignored: tuple[str, ...] = ()


def client_servers(document: object, place: str, environ: Mapping[str, str] | None = None) -> ClientServers:
    """Read a document in that format.

    Args:
        place: names the document in errors: a file, or an argument.
        environ: where ``${NAME}`` and ``${NAME:-default}`` are looked up; None leaves texts as they are.
    """
    listed = _listed(document)
    if listed is None:
        remedy = 'Write {"mcpServers": {"name": {"command": "program"}}}.'
        return ClientServers({}, (Problem(place, "The object mcpServers is missing.", remedy),))
    servers: dict[str, McpServerSettings] = {}
    problems: list[Problem] = []
    ignored: list[str] = []
    for name, described in listed.items():
        at = f"{place}: mcpServers.{shown(name).strip(chr(39))}"
        if not isinstance(described, dict):
            problems.append(Problem(at, "A server must be an object.", ""))
            continue
        expansion = _Expansion(environ)
        table = dict(_translated(described, expansion))
        problems += [Problem(at, one, "") for one in expansion.problems]
        ignored += [f"{name}.{key}" for key in described if key not in _NAMES and key not in _SPELLINGS]
        try:
            servers[name] = McpServerSettings.model_validate(table)
        except ValidationError as exc:
            found = validation_problems(exc, McpServerSettings, partial(_at, at), "A server takes")
            problems += [problem for _, problem in found]
    return ClientServers(servers, tuple(problems), tuple(ignored))


def _at(server: str, path: KeyPath) -> str:
    return ".".join((server, *path))


def _listed(document: object) -> Mapping[str, JsonValue] | None:
    if not isinstance(document, dict):
        return None
    found = document.get("mcpServers", document.get("servers"))
    return found if isinstance(found, dict) and all(isinstance(name, str) for name in found) else None


def _translated(described: Mapping[str, JsonValue], expansion: _Expansion) -> Iterator[tuple[str, JsonValue]]:
    """Yield a server's keys by our names, with their values; unknown keys and empty values are left out."""
    if "httpUrl" in described:
        yield "transport", "streamable-http"
    for key, value in described.items():
        name = _SPELLINGS.get(key, key)
        if name not in _NAMES or value is None or (value in ("", [], {}) and name != "tools"):
            continue
        if name == "transport" and isinstance(value, str):
            yield name, _TRANSPORTS.get(re.sub(r"[-_ ]", "", value.lower()), value)
        elif name in _TEXTS:
            yield name, expansion.expand(value)
        else:
            yield name, value


class _Expansion:
    """Expands variables in texts, as several clients do.

    Attributes:
        problems: the variables that could not be expanded.
    """

    def __init__(self, environ: Mapping[str, str] | None) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def expand(self, value: JsonValue) -> JsonValue:
        """Return `value` with expanded texts. Numbers and booleans become texts, since clients accept both."""
        if isinstance(value, list):
            return [self.expand(one) for one in value]
        if isinstance(value, dict):
            return {name: self.expand(one) for name, one in value.items()}
        if value is None:
            return None
        if not isinstance(value, str):
            return json.dumps(value)
        return value if self._environ is None else self._expanded(value, self._environ)

    def _expanded(self, text: str, environ: Mapping[str, str]) -> str:
        def found(match: re.Match[str]) -> str:
            known = _VARIABLE.fullmatch(match[0])
            if known is None:
                self.problems.append(f"{match[0]} is not supported.")
                return ""
            value = environ.get(known[1]) or known[2]
            if value is None:
                self.problems.append(f"The environment variable {unless_key(known[1])} is not set.")
            return value or ""

        return _ANY.sub(found, text)
