"""The tool registry of the 0.9 line, and the dispatcher that calls its tools by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping

from lightagent.application.tools.arguments import dump_arguments, parse_arguments, refused, unknown_tool
from lightagent.application.tools.deps import DepsT
from lightagent.application.tools.foreign_tool import BrokenTool, declared
from lightagent.application.tools.function_tool import FunctionTool, as_tool, is_tool
from lightagent.application.tools.invoke import call_alone
from lightagent.application.tools.mapped_tool import MappedTool, infos_by_name
from lightagent.application.tools.tool_info import ToolProblem, validate_tool_info
from lightagent.application.tools.toolset import tool_name
from lightagent.domain.errors import ConfigurationError, LightAgentError, ToolError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.origin import NO_ORIGIN
from lightagent.ports.tools import RunContext, Tool


class ToolRegistry:
    """Tools by name. Of several tools with the same name, the last one is kept, as in the 0.9 line.

    `validate_tools` warns about this. Registering the same function again causes no warning.
    """

    def __init__(self) -> None:
        self._tools: dict[str, Tool[None]] = {}
        self._given: dict[str, Tool[None] | Callable[..., object]] = {}
        self._registered: dict[str, int] = {}

    def register_tool(self, tool: Tool[None] | Callable[..., object]) -> bool:
        """Add a tool or function, replacing an earlier one of the same name. Returns True, as in the 0.9 line.

        Raises:
            ConfigurationError: the object cannot be a tool.
        """
        added = as_tool(tool)
        name = tool_name(added)
        if name not in self._tools or not _same(self._tools[name], added):
            self._registered[name] = self._registered.get(name, 0) + 1
        self._tools[name] = added
        self._given[name] = tool
        return True

    def register_tools(self, tools: Iterable[Tool[None] | Callable[..., object]]) -> bool:
        """Add several tools. If one is refused, those before it remain registered."""
        return all(self.register_tool(tool) for tool in tools)

    def get_tool(self, name: str) -> Tool[None] | None:
        """Return the tool of that name, or None."""
        return self._tools.get(name)

    @property
    def names(self) -> tuple[str, ...]:
        """All names in the order of registration."""
        return tuple(self._tools)

    @property
    def function_mappings(self) -> dict[str, Tool[None] | Callable[..., object]]:
        """The registered functions and tools by name; a copy."""
        return dict(self._given)

    @property
    def function_info(self) -> dict[str, object]:
        """The ``tool_info`` of each tool that has one, by name; a copy."""
        found = ((name, _tool_info(tool)) for name, tool in self._tools.items())
        return {name: info for name, info in found if info is not None}

    def get_tools(self) -> list[JsonObject]:
        """Return every tool in OpenAI form; a copy that may be changed."""
        return [tool.spec.to_openai() for tool in self._tools.values()]

    def get_tools_str(self) -> str:
        """Return `get_tools` as indented JSON."""
        return json.dumps(self.get_tools(), ensure_ascii=False, indent=4)

    def filter_tools(self, tools_json: str) -> list[JsonObject]:
        """Return the tools that a model chose, in OpenAI form.

        Args:
            tools_json: ``{"tools": [{"name": …}, …]}`` or ``{"tools": ["…", …]}``; unknown names are skipped.

        Raises:
            ConfigurationError: the text has neither form.
        """
        try:
            chosen = parse_arguments(tools_json).get("tools")
        except ToolError as exc:
            raise ConfigurationError(f"The choice of tools cannot be read: {exc.message}") from exc
        if not isinstance(chosen, list):
            raise ConfigurationError('The choice of tools must look like {"tools": [{"name": "..."}]}.')
        names = [one.get("name") if isinstance(one, dict) else one for one in chosen]
        return [tool for name, tool in zip(self._tools, self.get_tools(), strict=True) if name in names]

    @staticmethod
    def validate_tool_info(info: object) -> list[ToolProblem]:
        """Return the problems of one ``tool_info``; an empty list if there are none."""
        return validate_tool_info(info)

    def validate_tools(self) -> list[ToolProblem]:
        """Return the problems of the registered tools; this compiles every declaration."""
        return [
            problem
            for name, tool in self._tools.items()
            for problem in (*tool_problems(name, tool), *_replaced(name, self._registered[name]))
        ]


class AsyncToolDispatcher:
    """Calls tools outside of a run; every failure is returned as a text that begins with its error code.

    Args:
        function_mappings: functions or tools by the names to call them by, or a `ToolRegistry`. Tools added to either
            later are found as well.
        function_info: descriptions of the functions, by name or in a list: each a ``tool_info``, or a tool in OpenAI
            form. A function without one is described by its own declaration.

    Raises:
        ConfigurationError: a description in a list has no name. Whether a description matches its function is checked
            at the call.
    """

    def __init__(
        self,
        function_mappings: ToolRegistry | Mapping[str, Tool[None] | Callable[..., object]] | None = None,
        function_info: Mapping[str, object] | Iterable[object] | None = None,
    ) -> None:
        self._functions = {} if function_mappings is None else function_mappings
        self._infos = infos_by_name(function_info or {})
        self._mapped: dict[str, MappedTool] = {}

    async def dispatch(self, tool_name: str, tool_params: Mapping[str, object] | str) -> str:
        """Call a tool and return its output as text; the text of a failure begins with ``[LA-TOOL]`` or ``[LA-JSON]``.

        Args:
            tool_params: the arguments, or their JSON text.
        """
        try:
            tool = self._find(tool_name)
            arguments = parse_arguments(tool_params if isinstance(tool_params, str) else dump_arguments(tool_params))
            return await call_alone(tool, tool_name, arguments, _context())
        except LightAgentError as error:
            return str(error)

    def _find(self, name: str) -> Tool[None]:
        if isinstance(self._functions, ToolRegistry):
            found = self._functions.get_tool(name)
            if found is None:
                raise unknown_tool(name, self._functions.names)
            return found
        if name not in self._functions:
            raise unknown_tool(name, self._functions)
        function = self._functions[name]
        return function if is_tool(function) else self._as_tool(name, function)

    def _as_tool(self, name: str, function: object) -> Tool[None]:
        if not callable(function):
            raise refused(f"{name} is not a function.")
        known = self._mapped.get(name)
        if known is None or known.function is not function:
            known = self._mapped[name] = MappedTool(name, function, self._infos.get(name))
        return known


def _context() -> RunContext[None]:
    return RunContext(None, NO_ORIGIN, "", "", False, lambda _: None, lambda: False)


def _same(one: Tool[None], other: Tool[None]) -> bool:
    if isinstance(one, FunctionTool) and isinstance(other, FunctionTool):
        return bool(one.function == other.function)
    return one is other


def _tool_info(tool: Tool[DepsT]) -> object:
    return getattr(tool.function, "tool_info", None) if isinstance(tool, FunctionTool) else None


def _replaced(name: str, times: int) -> list[ToolProblem]:
    if times < 2:
        return []
    message = f"the tool name {name!r} was registered {times} times with different tools; the last one holds."
    return [ToolProblem(tool=name, level="warning", field="tool_name", message=message)]


def tool_problems(name: str, tool: Tool[DepsT]) -> list[ToolProblem]:
    """Return the problems of one tool; this compiles its declaration."""
    info = _tool_info(tool)
    found = [] if info is None else validate_tool_info(info)
    try:
        spec = declared(tool, name)
        from lightagent.application.tools.schema_validation import check_schema

        check_schema(name, spec.parameters)
    except (BrokenTool, ConfigurationError) as exc:
        found.append(ToolProblem(tool=name, level="error", field="parameters", message=exc.message))
    return found
