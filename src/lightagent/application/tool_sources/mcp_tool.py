"""An MCP server's tool as an agent uses it, with a name and a schema that every provider accepts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from lightagent.application.tools.arguments import Check
from lightagent.application.tools.foreign_check import foreign_check
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonObject
from lightagent.domain.mcp.exchange import McpRemark
from lightagent.domain.mcp.results import result_text
from lightagent.domain.mcp.servers import McpTool
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.mcp import McpCaller, McpConnection
from lightagent.ports.tools import RunContext, Tool

MOST_NOTES = 100
"""The maximum number of a server's notes recorded per call; a server could send them without end."""

_MOST_SHOWN = 500


class McpServerTool(Tool[object]):
    """Calls the server with the tool's original name and arguments that are valid by its original schema."""

    def __init__(self, connection: McpConnection, tool: McpTool, spec: ToolSpec) -> None:
        self.original = tool
        self._connection = connection
        self._spec = spec

    def __repr__(self) -> str:
        return f"McpServerTool({self.original.server!r}, {self.original.name!r})"

    @property
    def spec(self) -> ToolSpec:
        """The declaration for the model."""
        return self._spec

    @cached_property
    def _check(self) -> Check:
        return foreign_check(self._spec.name, self.original.schema)

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        """Return the arguments unchanged if the server's schema allows them."""
        return self._check(arguments)

    async def call(self, arguments: Mapping[str, object], context: RunContext[object]) -> object:
        """Call the tool and return the result as text. The server's messages during the call are recorded as notes.

        Raises:
            ToolError: the tool or the connection failed; the class and the message say what may have happened.
        """
        given = to_json_object(dict(arguments), f"The arguments of {self._spec.name}")
        caller = McpCaller(context.scope, context.run_id, _Notes(context).add)
        result = await self._connection.call(self.original.name, given, caller)
        return result_text(self._spec.name, result)


class _Notes:
    """What the server says during one call, as far as it is worth recording."""

    def __init__(self, context: RunContext[object]) -> None:
        self._context = context
        self._left = MOST_NOTES

    def add(self, remark: McpRemark) -> None:
        if self._left <= 0:
            return
        self._left -= 1
        last = "" if self._left else " (more of this call is not noted)"
        level = f" {remark.level}" if remark.level else ""
        self._context.report(f"{remark.server}{level}: {remark.text[:_MOST_SHOWN]}{last}")
