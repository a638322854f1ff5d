"""What a skill lets its turn call: the entries of ``allowed-tools``, and the tools that they mean."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from lightagent.domain.policy.capabilities import matches
from lightagent.domain.runs.effects import NarrowTools
from lightagent.domain.tools.foreign_names import called_by_models, model_name
from lightagent.domain.tools.spec import OUTSIDE, OWN_PROVIDER, ToolSpec

SCRIPT_TOOL: Final = "execute_skill_script"
REFERENCE_TOOL: Final = "read_skill_reference"

MOST_ENTRIES: Final = 200

# A name, a parenthesis that opens or closes, or what is neither; each character is looked at once.
_PIECE: Final = re.compile(r"([^\s,()]+)|([()])|[\s,]+")

_ELSEWHERE: Final = {"Bash": SCRIPT_TOOL, "Shell": SCRIPT_TOOL, "Read": REFERENCE_TOOL}
"""What the tools of other programs are here, as far as skills need them: their files are read, their scripts run."""

_MCP_ELSEWHERE: Final = "mcp__"
"""How other programs begin the name of a tool of an MCP server; its server and its own name follow, ``__`` between."""


def split_allowed_tools(text: str) -> tuple[str, ...]:
    """The entries of a text such as ``Read, Bash(git add:*) search_news``; between them are blanks or commas.

    All that stands in parentheses belongs to the name before them, also other parentheses and, where they do not end,
    the rest: it says which arguments are meant, so it must not become the name of a tool that may have any.
    """
    entries: list[str] = []
    depth = 0
    for piece in _PIECE.finditer(text):
        name, bracket = piece[1], piece[2]
        if bracket == "(":
            if depth == 0:
                entries.append(entries.pop() if entries and "(" not in entries[-1] else "")
            depth += 1
        if depth:
            entries[-1] += piece[0]
        elif name:
            entries.append(name)
        if bracket == ")":
            depth = max(depth - 1, 0)
    return tuple(entries)


def is_closed(entry: str) -> bool:
    """Whether the parentheses of an entry end."""
    return entry.count("(") == entry.count(")")


def allowed_patterns(entries: Iterable[str]) -> tuple[str, ...]:
    """The names of tools that the entries mean here, in which ``*`` stands for any text.

    An entry that allows only some arguments of a tool is ignored, since whether a call keeps to them cannot be checked
    here; but one for a shell means the skill's own scripts.
    """
    found: list[str] = []
    for entry in list(entries)[:MOST_ENTRIES]:
        name, some_arguments, _ = entry.strip().partition("(")
        if name in _ELSEWHERE:
            found.append(_ELSEWHERE[name])
        elif name and not some_arguments:
            found += _called_here(name)
    return tuple(dict.fromkeys(found))


def _called_here(name: str) -> tuple[str, ...]:
    if name.startswith(_MCP_ELSEWHERE):
        server, seam, tool = name.removeprefix(_MCP_ELSEWHERE).partition("__")
        return (model_name(server, tool) if seam and tool != "*" else f"{server}__*",)
    return called_by_models(name)


def forbidden_by(narrowings: tuple[NarrowTools, ...], tool: ToolSpec) -> NarrowTools | None:
    """Return the first restriction that forbids a call of the tool, or None if all allow it.

    The framework's own tools are always allowed if they only read.
    """
    if not narrowings or (tool.provider == OWN_PROVIDER and OUTSIDE.isdisjoint(tool.capabilities)):
        return None
    return next((one for one in narrowings if not permits(one.names, tool.name)), None)


def permits(patterns: Iterable[str], name: str) -> bool:
    """Whether a tool of this name is among those that the patterns mean."""
    return any(matches(pattern, name) for pattern in patterns)
