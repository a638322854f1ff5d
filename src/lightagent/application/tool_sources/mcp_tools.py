"""The tools of an MCP server as a source of tools."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Final

from lightagent.application.tool_sources.mcp_contents import content_tools
from lightagent.application.tool_sources.mcp_tool import McpServerTool
from lightagent.application.tools.tool_info import ToolProblem
from lightagent.domain.errors import ConfigurationError, ToolError
from lightagent.domain.foreign_schemas import BeyondRepair
from lightagent.domain.json_types import JsonObject
from lightagent.domain.mcp.declarations import mcp_tool_spec
from lightagent.domain.mcp.faults import McpUnavailable
from lightagent.domain.mcp.servers import McpServer, McpTool
from lightagent.domain.tools.foreign_names import model_name
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.mcp import McpReadableConnection
from lightagent.ports.tools import RunContext, Tool, ToolList, ToolSource

TRY_AGAIN_SECONDS: Final = 30.0
"""A run that starts this long after an optional server could not be reached tries again."""

_LOGGER: Final = logging.getLogger("lightagent")


class McpTools(ToolSource[object]):
    """Lists and calls the tools of one server, which is opened when a run first needs the list.

    If an optional server cannot be reached, no run fails: instead of its tools the model is offered one tool that says
    so and tries again when called. The first run half a minute later tries again, too.

    Args:
        connection: the connection to that server; closed with the source.
        contents: whether the agent also has tools for the server's resources and prompts.
    """

    def __init__(self, server: McpServer, connection: McpReadableConnection, *, contents: bool = False) -> None:
        self.server = server
        self.connection = connection
        self._contents = contents
        self._problems: tuple[ToolProblem, ...] = ()
        self._unavailable: McpUnavailable | None = None
        self._tried = 0.0
        self._retries = 0

    def __repr__(self) -> str:
        return f"McpTools({self.server.name!r})"

    @property
    def name(self) -> str:
        """The name of the server."""
        return self.server.name

    @property
    def version(self) -> int:
        """A number that changes when the server's list has changed, or when the server should be tried again."""
        if self._unavailable is not None and time.monotonic() - self._tried >= TRY_AGAIN_SECONDS:
            self._try_again()
        return self.connection.version + self._retries

    @property
    def problems(self) -> tuple[ToolProblem, ...]:
        """The problems found when the tools were last listed: tools that had to be left out, or are missing."""
        return self._problems

    @property
    def unavailable(self) -> McpUnavailable | None:
        """Why the server could not be reached at the last attempt; None if it could, or was not tried yet."""
        return self._unavailable

    async def tools(self) -> ToolList[object]:
        """Return the allowed tools by names that providers accept.

        Raises:
            McpUnavailable: the server is required and cannot be reached.
            ConfigurationError: a tool that requires approval does not exist: its name may be misspelt.
        """
        try:
            listed = await self.connection.tools()
        except McpUnavailable as error:
            self._unavailable, self._tried = error, time.monotonic()
            if self.server.required:
                raise
            _LOGGER.warning("The tools of an MCP server are left out: %s", error.message)
            stand_in = _Unavailable(self, error)
            return ToolList({stand_in.spec.name: stand_in}, stands_in=True)
        self._unavailable = None
        return ToolList(self._usable(listed))

    async def aclose(self) -> None:
        """End the server's sessions and processes."""
        await self.connection.aclose()

    def _usable(self, listed: tuple[McpTool, ...]) -> Mapping[str, Tool[object]]:
        self._refuse_misspelt({tool.name for tool in listed})
        allowed = self.server.tools
        problems = [] if allowed is None else _missing(allowed, listed)
        tools: dict[str, Tool[object]] = {}
        for tool in listed:
            if allowed is not None and tool.name not in allowed:
                continue
            spec = mcp_tool_spec(tool, self.server)
            if isinstance(spec, BeyondRepair):
                problems.append(
                    _problem(tool.name, "error", "inputSchema", f"its schema is beyond repair: {spec.reason}")
                )
            else:
                tools.setdefault(spec.name, McpServerTool(self.connection, tool, spec))
        for own in content_tools(self.name, self.connection) if self._contents else ():
            tools.setdefault(own.spec.name, own)  # The server's own tools take precedence.
        self._problems = tuple(problems)
        for problem in problems:
            _LOGGER.warning("MCP server %r, tool %r: %s", self.name, problem["tool"], problem["message"])
        return tools

    def _refuse_misspelt(self, known: set[str]) -> None:
        approval = self.server.approval
        for name in () if isinstance(approval, bool) else approval:
            if name not in known:
                raise ConfigurationError(
                    f"MCP server {self.name!r:.100} has no tool {name!r:.100}, which `approval` names.",
                    guidance="Correct the name, so that no tool is called without the approval that it should have.",
                )

    def _try_again(self) -> None:
        self._tried = time.monotonic()
        self._retries += 1

    async def reached(self) -> bool:
        """Return whether the server can be reached; if so, its tools are listed before the next model request."""
        try:
            await self.connection.tools()
        except McpUnavailable as error:
            self._unavailable, self._tried = error, time.monotonic()
            return False
        self._try_again()
        return True


class _Unavailable(Tool[object]):
    """Replaces the tools of a server that cannot be reached, so that the model knows about them."""

    def __init__(self, source: McpTools, error: McpUnavailable) -> None:
        self._source = source
        self._spec = ToolSpec(
            name=model_name(source.name, "unavailable"),
            description=f"The tools of the server {source.name!r} are unavailable now. Call this to try it again.",
            parameters={"type": "object", "properties": {}},
            idempotent=True,
        )

    @property
    def spec(self) -> ToolSpec:
        return self._spec

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        return {}

    async def call(self, arguments: Mapping[str, object], context: RunContext[object]) -> object:
        if await self._source.reached():
            return "The server can be reached again; its tools are offered from now on."
        error = self._source.unavailable
        raise ToolError(error.message if error else "The server cannot be reached.", guidance="")


def _missing(allowed: tuple[str, ...], listed: tuple[McpTool, ...]) -> list[ToolProblem]:
    known = {tool.name for tool in listed}
    return [_problem(name, "warning", "tools", "the server has no such tool") for name in allowed if name not in known]


def _problem(tool: str, level: str, field: str, message: str) -> ToolProblem:
    return ToolProblem(tool=tool, level="error" if level == "error" else "warning", field=field, message=message)
