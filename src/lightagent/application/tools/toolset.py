"""The tools that a run may call, by name."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final, Generic

from lightagent.application.tools.arguments import unknown_tool
from lightagent.application.tools.deps import DepsT, DepsT_contra
from lightagent.application.tools.foreign_tool import BrokenTool, declared
from lightagent.application.tools.function_tool import FunctionTool
from lightagent.application.tools.wrapped_tool import WrappedTool, unwrapped
from lightagent.domain.conversation.call_forms import resolve_called_name
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.tools import Tool

_AT_A_TIME: Final = 10
"""How many functions are described before other tasks run; each takes about a millisecond."""


class Toolset(Generic[DepsT_contra]):
    """The tools by name at one moment. Immutable.

    Attributes:
        tools: every tool; tools that are never offered are never inspected.
        initial: the names of the tools that a run offers from the start.
    """

    __slots__ = ("_names", "_specs", "initial", "tools")

    def __init__(self, tools: Mapping[str, Tool[DepsT_contra]], initial: tuple[str, ...] | None = None) -> None:
        self.tools: Mapping[str, Tool[DepsT_contra]] = tools
        self.initial: tuple[str, ...] = tuple(tools) if initial is None else initial
        self._names: tuple[str, ...] = ()
        self._specs: tuple[ToolSpec, ...] = ()

    async def describe(self, names: tuple[str, ...]) -> None:
        """Compile the declarations of these tools, a few at a time so that other runs and deadlines are not held up.

        Raises:
            ConfigurationError: the types of a function cannot be used.
        """
        if names is self._names or names == self._names:
            return
        for place, name in enumerate(names, 1):
            tool = self.tools.get(name)
            function = None if tool is None else unwrapped(tool)
            if isinstance(function, FunctionTool):
                function.describe()
            if place % _AT_A_TIME == 0:
                await asyncio.sleep(0)

    def specs(self, names: tuple[str, ...]) -> tuple[ToolSpec, ...]:
        """Return the declarations of these tools for the model, without names that no longer exist.

        The same names give the same object, so that an adapter can cache what it derives from it.
        """
        if names is not self._names and names != self._names:
            specs = tuple(declared(self.tools[name], name) for name in names if name in self.tools)
            self._names, self._specs = names, specs
            return specs
        return self._specs

    def plus(self, more: tuple[Tool[DepsT_contra], ...]) -> Toolset[DepsT_contra]:
        """Return these tools and more, which are all offered; returns itself if `more` is empty.

        Raises:
            ConfigurationError: two tools have the same name.
        """
        if not more:
            return self
        added = tools_by_name(more)
        for name, tool in added.items():
            if self.tools.get(name, tool) is not tool:
                raise _two_called(name)
        return Toolset({**self.tools, **added}, tuple(dict.fromkeys((*self.initial, *added))))

    def find(self, name: str, offered: tuple[str, ...]) -> Tool[DepsT_contra]:
        """Return the tool meant by that name if it was offered.

        Raises:
            ToolError: it was not offered; the message tells the model which tools were.
        """
        meant = resolve_called_name(name, offered)
        tool = self.tools.get(meant) if meant in offered else None
        if tool is None:
            raise unknown_tool(name, offered)
        return tool


def tools_by_name(tools: Iterable[Tool[DepsT]]) -> dict[str, Tool[DepsT]]:
    """Return tools by their names.

    Raises:
        ConfigurationError: two tools have the same name.
    """
    found: dict[str, Tool[DepsT]] = {}
    for tool in tools:
        name = tool_name(tool)
        if found.setdefault(name, tool) is not tool:
            raise _two_called(name)
    return found


def _two_called(name: str) -> ConfigurationError:
    return ConfigurationError(f"tools: two tools are called {name!r}.", guidance="Rename one of them.")


def tool_name(tool: Tool[DepsT]) -> str:
    """Return the name of a tool; for a function, without compiling its declaration.

    Raises:
        ConfigurationError: a tool object has no valid declaration.
    """
    if isinstance(tool, (FunctionTool, WrappedTool)):
        return tool.name
    try:
        return declared(tool, type(tool).__name__).name
    except BrokenTool as error:
        raise ConfigurationError(f"tools: {error.message}", guidance="") from error
