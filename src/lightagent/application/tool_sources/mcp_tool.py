"""A tool of an MCP server, as an agent has it: under a name and with a schema that every provider takes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from lightagent.application.tools.compiled import Check
from lightagent.application.tools.foreign_check import foreign_check
from lightagent.domain.json_checks import to_json_object
from lightagent.domain.json_types import JsonObject
from lightagent.domain.mcp import McpTool
from lightagent.domain.mcp_exchange import McpRemark
from lightagent.domain.mcp_results import result_text
from lightagent.domain.tools import ToolSpec
from lightagent.ports.mcp import McpCaller, McpConnection
from lightagent.ports.tools import RunContext, Tool

MOST_NOTES = 100
"""Remarks of a server that one call puts on record; a server could go on for ever."""

_MOST_SHOWN = 500


class McpServerTool(Tool[object]):
    """Calls the server by the tool's original name, with arguments that its original schema allows."""

    def __init__(self, connection: McpConnection, tool: McpTool, spec: ToolSpec) -> None:
        self.original = tool
        self._connection = connection
        self._spec = spec

    def __repr__(self) -> str:
        return f"McpServerTool({self.original.server!r}, {self.original.name!r})"

    @property
    def spec(self) -> ToolSpec:
        """What the model is shown."""
        return self._spec

    @cached_property
    def _check(self) -> Check:
        return foreign_check(self._spec.name, self.original.schema)

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        """The arguments as they are, where the schema that the server gave allows them."""
        return self._check(arguments)

    async def call(self, arguments: Mapping[str, object], context: RunContext[object]) -> object:
        """The result as text. What the server says meanwhile is noted on the run's record.

        Raises:
            ToolError: the tool failed, or the connection did; the class and the text say what may have happened.
        """
        given = to_json_object(dict(arguments), f"The arguments of {self._spec.name}")
        caller = McpCaller(context.scope, context.run_id, _Notes(context).add)
        result = await self._connection.call(self.original.name, given, caller)
        return result_text(self._spec.name, result)


class _Notes:
    """What the server says during one call, as far as it is worth a record."""

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
