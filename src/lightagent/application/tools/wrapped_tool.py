"""A tool with another name or declaration; calls go to the wrapped tool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeAlias

from lightagent.application.tools.deps import DepsT, DepsT_contra
from lightagent.domain.json_types import JsonObject
from lightagent.domain.runs.effects import ToolAnswer
from lightagent.domain.runs.state import Run
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.tools import NestingTool, RunContext, Tool

ChangeSpec: TypeAlias = Callable[[ToolSpec], ToolSpec]
ChangeOffers: TypeAlias = Callable[[tuple[str, ...]], tuple[str, ...]]


class WrappedTool(Tool[DepsT_contra]):
    """A tool as a wrapper of a source presents it.

    Args:
        tool: the wrapped tool.
        name: the name for the model.
        spec: changes the tool's own declaration; called when the tool is first shown to a model.
        offers: converts the names of tools that this one offers to the names that the wrapper gives them.
    """

    __slots__ = ("_change", "_offers", "_spec", "name", "wrapped")

    def __init__(self, tool: Tool[DepsT_contra], name: str, spec: ChangeSpec, offers: ChangeOffers) -> None:
        self.wrapped: Tool[DepsT_contra] = tool
        self.name: str = name
        self._change = spec
        self._offers = offers
        self._spec: tuple[ToolSpec, ToolSpec] | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.wrapped!r})"

    @property
    def spec(self) -> ToolSpec:
        own = self.wrapped.spec
        if self._spec is None or self._spec[0] is not own:
            self._spec = own, replace(self._change(own), name=self.name)
        return self._spec[1]

    def check(self, arguments: JsonObject) -> Mapping[str, object]:
        return self.wrapped.check(arguments)

    async def call(self, arguments: Mapping[str, object], context: RunContext[DepsT_contra]) -> object:
        answer = await self.wrapped.call(arguments, context)
        if isinstance(answer, ToolAnswer) and answer.offer:
            return replace(answer, offer=self._offers(answer.offer))
        return answer


class WrappedNestingTool(WrappedTool[DepsT_contra], NestingTool):
    """A wrapped tool that is an agent."""

    __slots__ = ("_nesting",)

    def __init__(
        self, tool: Tool[DepsT_contra], nesting: NestingTool, name: str, spec: ChangeSpec, offers: ChangeOffers
    ) -> None:
        super().__init__(tool, name, spec, offers)
        self._nesting = nesting

    async def check_child(self, child: Run, policies: tuple[str, ...]) -> None:
        await self._nesting.check_child(child, policies)


def wrap_tool(tool: Tool[DepsT], name: str, spec: ChangeSpec, offers: ChangeOffers) -> Tool[DepsT]:
    """Return the tool as a wrapper presents it."""
    if isinstance(tool, NestingTool):
        return WrappedNestingTool(tool, tool, name, spec, offers)
    return WrappedTool(tool, name, spec, offers)


def unwrapped(tool: Tool[DepsT]) -> Tool[DepsT]:
    """Return the tool below all wrappers."""
    while isinstance(tool, WrappedTool):
        tool = tool.wrapped
    return tool
