"""What is remembered of a server beyond the end of its sessions."""

from __future__ import annotations

import logging
from typing import Final, Literal

from lightagent.domain.mcp.exchange import McpRemark, RemarkKind
from lightagent.domain.mcp.pins import Pins
from lightagent.domain.mcp.servers import McpServer, McpTool
from lightagent.ports.mcp import RemarkListener, ToolPins

_LOGGER: Final = logging.getLogger("lightagent")


class ServerMemory:
    """Shared by all sessions of one server, in any thread: each change is one assignment.

    Attributes:
        era: how the next session begins: ``legacy`` once the server is known to speak no newer protocol, so that it is
            not asked again, which may take ten seconds or end the server.
        tools: as they were last listed, with the declarations that are known.
        version: another number once they have changed.
        answered: whether a session was ever open.
    """

    def __init__(self, server: McpServer, listener: RemarkListener, kept: ToolPins | None) -> None:
        self.server = server
        self.era: Literal["auto", "legacy"] = "auto"
        self.pins: Pins = Pins()
        self.tools: tuple[McpTool, ...] = ()
        self.version: int = 0
        self.answered = False
        self._listener = listener
        self._kept = kept

    async def listed(self, tools: tuple[McpTool, ...]) -> None:
        """A session has listed the tools.

        Raises:
            StoreError: it cannot be told how they were declared before.
        """
        if self._kept is not None:
            self.pins.remember(await self._kept.known(self.server.name, tools))
        for name in self.pins.see(tools):
            self.remark("changed", f"the tool {name!r:.100} is declared differently than before, and blocked")
        known = self.pins.as_known(tools)
        if known != self.tools:
            self.tools = known
            self.version += 1

    def doubt(self) -> None:
        """The list may have changed: those who hold it ask for it again before the next request to a model."""
        self.version += 1

    async def accept(self, tool: str) -> None:
        """Take the tool's present declaration as known."""
        changed = self.pins.changed(tool)
        if changed is not None and self._kept is not None:
            await self._kept.accept(self.server.name, changed)
        if self.pins.accept(tool):
            self.tools = self.pins.as_known(self.tools)
            self.version += 1

    def remark(self, kind: RemarkKind, text: str) -> None:
        """Make a remark, and pass it to the listener of the connection."""
        self.tell(McpRemark(self.server.name, kind, text))

    def tell(self, remark: McpRemark) -> None:
        """Pass a remark to the listener."""
        pass_on(self._listener, remark)


def pass_on(listener: RemarkListener, remark: McpRemark) -> None:
    """Give a remark to the code of a user, which only observes: what it raises is logged, and changes nothing."""
    try:
        listener(remark)
    except Exception:
        _LOGGER.warning("What listens to the MCP server %r raised.", remark.server, exc_info=True)
