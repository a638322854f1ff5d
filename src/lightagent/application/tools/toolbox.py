"""The tools of an agent or a run, by name."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from functools import cached_property
from typing import Generic

from typing_extensions import TypeVar

from lightagent.domain.errors import ConfigurationError, ToolError
from lightagent.domain.tools import ToolSpec
from lightagent.ports.tools import Tool

DepsT = TypeVar("DepsT", default=None)


class Toolbox(Generic[DepsT]):
    """Immutable. What it says of its tools is worked out once, at the first run, and then shared by all."""

    def __init__(self, tools: Iterable[Tool[DepsT]] = ()) -> None:
        self.tools = tuple(tools)

    def __bool__(self) -> bool:
        return bool(self.tools)

    def plus(self, more: tuple[Tool[DepsT], ...]) -> Toolbox[DepsT]:
        """These tools and more; itself if there are none."""
        return Toolbox((*self.tools, *more)) if more else self

    def only(self, names: tuple[str, ...]) -> Toolbox[DepsT]:
        """The tools of these names; itself if that is all of them."""
        return self if names == self.names else Toolbox(self._by_name[name] for name in names)

    @cached_property
    def specs(self) -> tuple[ToolSpec, ...]:
        """What the model is told; always the same object, so that an adapter can keep what it made of it."""
        return tuple(tool.spec for tool in self._by_name.values())

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The tools' names, in the order given."""
        return tuple(self._by_name)

    @cached_property
    def _by_name(self) -> dict[str, Tool[DepsT]]:
        box: dict[str, Tool[DepsT]] = {}
        for tool in self.tools:
            name = tool.spec.name
            if box.setdefault(name, tool) is not tool:
                raise ConfigurationError(f"tools: two tools are called {name!r}.", guidance="Rename one of them.")
        return box

    def get(self, name: str) -> Tool[DepsT] | None:
        """The tool of that name."""
        return self._by_name.get(name)

    def offered(self, name: str) -> Tool[DepsT]:
        """The tool of that name.

        Raises:
            ToolError: there is none; the text tells the model which there are.
        """
        tool = self._by_name.get(name)
        if tool is None:
            near = get_close_matches(name[:80], self.names, n=1)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            known = ", ".join(self.names) or "none"
            raise ToolError(f"There is no tool {name[:80]!r}.", guidance=f"{hint}Tools: {known}.")
        return tool
