"""The registry of tools that programs of the 0.9 line know, and the dispatcher that calls them by name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping

from lightagent.application.tools.argument_errors import refused, unknown_tool
from lightagent.application.tools.arguments import dump_arguments, parse_arguments
from lightagent.application.tools.function_tool import FunctionTool, as_tool
from lightagent.application.tools.invoke import invoke
from lightagent.application.tools.tool_info import ToolProblem, validate_tool_info
from lightagent.domain.errors import ConfigurationError, LightAgentError, ToolError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.scopes import Scope
from lightagent.domain.signals import ControlSignal
from lightagent.domain.tools import RunContext
from lightagent.ports.tools import Tool


class ToolRegistry:
    """Tools by name. A name stands for one tool; registering the same function again changes nothing."""

    def __init__(self) -> None:
        self._tools: dict[str, Tool[None]] = {}

    def register_tool(self, tool: Tool[None] | Callable[..., object]) -> bool:
        """Add a tool or a function; True, as ever.

        Raises:
            ConfigurationError: it cannot be a tool, or another one has its name.
        """
        added = as_tool(tool)
        name = added.name if isinstance(added, FunctionTool) else added.spec.name
        if name in self._tools and not _same(self._tools[name], added):
            raise ConfigurationError(f"There are two tools {name!r}; rename one of them, or register only one.")
        self._tools.setdefault(name, added)
        return True

    def register_tools(self, tools: Iterable[Tool[None] | Callable[..., object]]) -> bool:
        """Add several; those before one that is refused stay."""
        return all(self.register_tool(tool) for tool in tools)

    def get_tool(self, name: str) -> Tool[None] | None:
        """The tool of that name."""
        return self._tools.get(name)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name, in the order of registration."""
        return tuple(self._tools)

    def get_tools(self) -> list[JsonObject]:
        """Every tool in OpenAI form; a copy that may be changed."""
        return [tool.spec.to_openai() for tool in self._tools.values()]

    def get_tools_str(self) -> str:
        """`get_tools` as indented JSON."""
        return json.dumps(self.get_tools(), ensure_ascii=False, indent=4)

    def filter_tools(self, tools_json: str) -> list[JsonObject]:
        """The tools that a model chose, in OpenAI form.

        Args:
            tools_json: ``{"tools": [{"name": …}, …]}`` or ``{"tools": ["…", …]}``; names that are not here are skipped.

        Raises:
            ConfigurationError: it is nothing of the kind.
        """
        try:
            chosen = parse_arguments(tools_json).get("tools")
        except ToolError as exc:
            raise ConfigurationError(f"The choice of tools cannot be read: {exc.message}") from exc
        if not isinstance(chosen, list):
            raise ConfigurationError('The choice of tools must look like {"tools": [{"name": "..."}]}.')
        names = [one.get("name") if isinstance(one, dict) else one for one in chosen]
        return [tool for name, tool in zip(self._tools, self.get_tools(), strict=True) if name in names]

    def validate_tool_info(self, info: object) -> list[ToolProblem]:
        """What is wrong with one ``tool_info``; an empty list if nothing is."""
        return validate_tool_info(info)

    def validate_tools(self) -> list[ToolProblem]:
        """What is wrong with the registered tools; each declaration is worked out for it."""
        return [problem for name, tool in self._tools.items() for problem in _problems(name, tool)]


class AsyncToolDispatcher:
    """Calls the tools of a registry outside of a run; whatever goes wrong is a text that begins with its code."""

    def __init__(self, registry: ToolRegistry) -> None:
        self._registry = registry

    async def dispatch(self, tool_name: str, tool_params: Mapping[str, object] | str) -> str:
        """The tool's answer as text; a failure is a text that begins ``[LA-TOOL]`` or ``[LA-JSON]``.

        Args:
            tool_params: the arguments, or the JSON text of them.
        """
        try:
            tool = self._find(tool_name)
            if tool.spec.requires_approval:
                raise refused(f"{tool_name} runs only with a human's approval, and there is nobody to ask.")
            arguments = parse_arguments(tool_params if isinstance(tool_params, str) else dump_arguments(tool_params))
            return await invoke(tool, tool.check(arguments), _context())
        except LightAgentError as error:
            return str(error)
        except ControlSignal as signal:
            return str(refused(f"{tool_name} stopped to ask a human, and there is nobody to ask: {signal}"))

    def _find(self, name: str) -> Tool[None]:
        tool = self._registry.get_tool(name)
        if tool is None:
            raise unknown_tool(name, self._registry.names)
        return tool


def _context() -> RunContext[None]:
    return RunContext(None, "", "", "", Scope(), "", "", False, lambda _: None, lambda: False)


def _same(one: Tool[None], other: Tool[None]) -> bool:
    if isinstance(one, FunctionTool) and isinstance(other, FunctionTool):
        return bool(one.function == other.function)
    return one is other


def _problems(name: str, tool: Tool[None]) -> list[ToolProblem]:
    info: object = getattr(tool.function, "tool_info", None) if isinstance(tool, FunctionTool) else None
    found = [] if info is None else validate_tool_info(info)
    try:
        spec = tool.spec
        from lightagent.application.tools.schema_validation import check_schema

        check_schema(name, spec.parameters)
    except ConfigurationError as exc:
        found.append(ToolProblem(tool=name, level="error", field="parameters", message=exc.message))
    return found
