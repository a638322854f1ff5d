"""Tools as a server first declared them: one that is declared differently later is blocked until that is accepted.

A server that was trusted for what it said may say something else tomorrow, in words that only the model reads.
"""

from __future__ import annotations

from collections.abc import Iterable

from lightagent.domain.mcp.declarations import definition_hash
from lightagent.domain.mcp.servers import McpTool


class Pins:
    """What is remembered of a server's tools, beyond the end of its sessions."""

    def __init__(self) -> None:
        self._known: dict[str, McpTool] = {}
        self._changed: dict[str, McpTool] = {}

    def remember(self, tools: Iterable[McpTool]) -> None:
        """Take these for what is known, such as what an earlier program has seen."""
        self._known.update((tool.name, tool) for tool in tools)

    def changed(self, tool: str) -> McpTool | None:
        """How it is declared now, where that is blocked."""
        return self._changed.get(tool)

    def see(self, tools: Iterable[McpTool]) -> tuple[str, ...]:
        """Take a list of tools; the names of those that are declared differently than before, and newly so."""
        newly: list[str] = []
        for tool in tools:
            known = self._known.setdefault(tool.name, tool)
            if definition_hash(known) == definition_hash(tool):
                self._changed.pop(tool.name, None)
                continue
            before = self._changed.get(tool.name)
            if before is None or definition_hash(before) != definition_hash(tool):
                newly.append(tool.name)
            self._changed[tool.name] = tool
        return tuple(newly)

    def is_blocked(self, tool: str) -> bool:
        """Whether it is declared differently than it was."""
        return tool in self._changed

    def as_known(self, tools: Iterable[McpTool]) -> tuple[McpTool, ...]:
        """The tools as they were first declared, or accepted since."""
        return tuple(self._known.get(tool.name, tool) for tool in tools)

    def accept(self, tool: str) -> bool:
        """Take its present declaration as known; whether there was another one."""
        changed = self._changed.pop(tool, None)
        if changed is not None:
            self._known[tool] = changed
        return changed is not None
