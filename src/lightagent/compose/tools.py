"""The tools of an agent and of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import FunctionType
from typing import Final, Never

from typing_extensions import TypeIs

from lightagent.application.tools.function_tool import FunctionTool, as_tool, is_tool
from lightagent.application.tools.registry import ToolRegistry
from lightagent.domain.errors import ConfigurationError
from lightagent.options import ToolLike
from lightagent.ports.tools import Tool, ToolSource

MOST_DESCRIBED: Final = 64
"""Function tools whose declarations are worked out when their agent is made; of more, only the names are read."""


def compose_tools(tools: Sequence[ToolLike[Never]] | None, deps: object) -> tuple[Tool[object], ...]:
    """The tools of one run with the dependencies `deps`.

    Raises:
        ConfigurationError: one is refused; a source of tools belongs to an agent, which closes it.
    """
    given = tools or ()
    if any(map(is_source, given)):
        raise ConfigurationError(
            "run: a source of tools belongs to an agent.", guidance="Pass it to LightAgent(tools=)."
        )
    return tuple(make_tools(given, None if deps is None else deps.__class__, deferred=len(given) > MOST_DESCRIBED))


def make_tools(
    tools: Iterable[ToolLike[Never]], deps_type: object, *, deferred: bool = False
) -> Iterable[Tool[object]]:
    """The tools; unless they are too many, a faulty declaration raises now and not at the first run."""
    for tool in tools:
        if is_source(tool):
            continue
        made = _tool(tool, deferred=deferred)
        if isinstance(made, FunctionTool) and not deferred:
            made.refuse_deps(deps_type)
            made.describe()
        yield made


def _tool(tool: object, *, deferred: bool) -> Tool[object]:
    if deferred and isinstance(tool, FunctionType):
        return FunctionTool(tool, deferred=True)
    if is_tool(tool):
        return tool
    if callable(tool):
        return as_tool(tool)
    raise ConfigurationError(
        f"tools: expected a function, a tool or a source of tools, got {type(tool).__name__}.", guidance=_remedy(tool)
    )


def _remedy(given: object) -> str:
    """What to pass instead of something that is not a tool."""
    if isinstance(given, ToolRegistry):
        return "Pass what is registered: tools=[*registry.function_mappings.values()]."
    if isinstance(given, (list, tuple)):
        return "Pass one flat list: tools=[*these, another]."
    if isinstance(given, dict):
        return "A declaration alone cannot be called: pass the function, with it as tool_info if it has no annotations."
    if isinstance(given, str):
        return "Names of tools are taken by LightAgent(tools=), and loaded by ToolLoader(directory).load_tool(name)."
    return "Pass a typed function with a docstring, or something made with @tool."


def load_named_tools(tools: Sequence[ToolLike[Never] | str], directory: str | Path | None) -> Sequence[ToolLike[Never]]:
    """The tools; those that are given by name are loaded from the directory."""
    if _are_tools(tools):
        return tools
    from lightagent.application.tools.loader import ToolLoader

    loaded = ToolLoader("tools" if directory is None else directory).load_tools(
        tool for tool in tools if isinstance(tool, str)
    )
    return [loaded[tool] if isinstance(tool, str) else tool for tool in tools]


def _are_tools(tools: Sequence[ToolLike[Never] | str]) -> TypeIs[Sequence[ToolLike[Never]]]:
    return not any(isinstance(tool, str) for tool in tools)


def is_source(value: object) -> TypeIs[ToolSource[object]]:
    """Whether it has the methods of the port; a function never has, and is by far the most common."""
    if isinstance(value, FunctionType):
        return False
    return hasattr(value, "version") and callable(getattr(value, "tools", None)) and hasattr(value, "aclose")
