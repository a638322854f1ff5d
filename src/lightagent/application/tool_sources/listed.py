"""Functions and tools as a source, so that wrappers can be applied to them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic

from typing_extensions import TypeVar

from lightagent.application.tools.function_tool import as_tool
from lightagent.application.tools.toolset import tools_by_name
from lightagent.ports.tools import Tool, ToolList, ToolSource

DepsT = TypeVar("DepsT", default=object)


class ListedTools(ToolSource[DepsT], Generic[DepsT]):
    """A source of the given tools: ``PrefixedTools(ListedTools([search, buy], name="shop"), "shop_")``.

    Args:
        tools: functions and tools.
        name: the name of the source in errors.

    Raises:
        ConfigurationError: an item cannot be a tool, or two have the same name.
    """

    def __init__(self, tools: Iterable[Tool[DepsT] | Callable[..., object]], *, name: str = "listed tools") -> None:
        self._name = name
        self._tools = tools_by_name([as_tool(tool) for tool in tools])

    @property
    def name(self) -> str:
        """The name as it was given."""
        return self._name

    @property
    def version(self) -> int:
        """Constant: the list does not change."""
        return 0

    async def tools(self) -> ToolList[DepsT]:
        """Return the tools."""
        return ToolList(self._tools)

    async def aclose(self) -> None:
        """Do nothing: the source holds no resources."""
