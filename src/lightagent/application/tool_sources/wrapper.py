"""What wrappers of sources share: they change the list of tools and delegate everything else to the source."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import TypeAlias

from lightagent.application.tools.arguments import quoted
from lightagent.application.tools.deps import DepsT_contra
from lightagent.application.tools.signature import check_names
from lightagent.application.tools.wrapped_tool import wrap_tool
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.tools.foreign_names import called_as, resolve_source_name
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.tools import ToolList, ToolSource

Chosen: TypeAlias = Callable[[str], bool] | Collection[str]
"""A selection of a source's tools: their names, each of which must exist, or a function that takes each name. A tool of
an MCP server may be written as ``SERVER/TOOL``."""


def check_chosen(chosen: Chosen) -> Chosen:
    """Return the selection if it is valid.

    Raises:
        ConfigurationError: it is a single string, whose letters would be taken for names.
    """
    names = check_names(chosen)
    return names if callable(names) else tuple(names)


class SourceWrapper(ToolSource[DepsT_contra]):
    """A source that presents the tools of another one differently. Its list is rebuilt when that source lists anew.

    It has the name of the wrapped source, so that errors name what readers know, and closes it.
    """

    def __init__(self, source: ToolSource[DepsT_contra]) -> None:
        self.source = source

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.source!r})"

    @property
    def name(self) -> str:
        """The name of the wrapped source."""
        return self.source.name

    @property
    def version(self) -> int:
        """The version of the wrapped source."""
        return self.source.version

    async def tools(self) -> ToolList[DepsT_contra]:
        """Return the source's list with the wrapper's changes.

        Raises:
            ConfigurationError: the wrapper does not match the source; the message names both.
            LightAgentError: the source cannot be listed.
        """
        listed = await self.source.tools()
        if listed.stands_in:
            return listed
        names = self._names(tuple(listed.tools))

        def known(offered: Iterable[str]) -> tuple[str, ...]:
            return tuple(names[name] for name in offered if name in names)

        kept = ((own, tool) for own, tool in listed.tools.items() if own in names)
        tools = {names[own]: wrap_tool(tool, names[own], partial(self._spec, own), known) for own, tool in kept}
        return ToolList(tools, None if listed.offered is None else known(listed.offered))

    async def aclose(self) -> None:
        """Close the wrapped source."""
        await self.source.aclose()

    @abstractmethod
    def _names(self, own: tuple[str, ...]) -> Mapping[str, str]:
        """Return the new names by the source's names; tools that are left out are not presented."""
        ...

    def _spec(self, name: str, own: ToolSpec) -> ToolSpec:
        """Return the declaration to present for the source's tool `name`; its name is replaced afterwards."""
        return own

    def _chosen(self, chosen: Chosen, own: tuple[str, ...]) -> frozenset[str]:
        """Return the chosen ones of these names.

        Raises:
            ConfigurationError: a chosen name does not exist.
        """
        if callable(chosen):
            return frozenset(name for name in own if chosen(name))
        return frozenset(self._required(chosen, own).values())

    def _required(self, written: Iterable[str], own: tuple[str, ...]) -> dict[str, str]:
        """Return the source's name of each written name.

        Raises:
            ConfigurationError: the source has no such tool.
        """
        found: dict[str, str] = {}
        for name in written:
            own_name = resolve_source_name(name, own)
            if own_name not in own:
                known = ", ".join(map(quoted, own[:20])) or "none"
                raise ConfigurationError(
                    f"{type(self).__name__}: the source {self.name!r} has no tool {name!r:.100}.",
                    guidance=f"Its tools: {known}. Where they come and go, pass a function of the name.",
                )
            found[name] = own_name
        return found


class MarkingWrapper(SourceWrapper[DepsT_contra]):
    """A source whose tools keep their names, while some or all are declared differently.

    Attributes:
        chosen: the tools that are declared differently; None: all.
    """

    def __init__(self, source: ToolSource[DepsT_contra], chosen: Chosen | None = None) -> None:
        super().__init__(source)
        self.chosen: Chosen | None = None if chosen is None else check_chosen(chosen)
        self._meant = frozenset(called_as(() if chosen is None or callable(chosen) else chosen))

    @abstractmethod
    def _marked(self, own: ToolSpec) -> ToolSpec:
        """Return the declaration to present for a chosen tool."""
        ...

    def _names(self, own: tuple[str, ...]) -> Mapping[str, str]:
        if self.chosen is not None and not callable(self.chosen):
            self._required(self.chosen, own)
        return {name: name for name in own}

    def _spec(self, name: str, own: ToolSpec) -> ToolSpec:
        chosen = self.chosen
        if chosen is None or (chosen(name) if callable(chosen) else name in self._meant):
            return self._marked(own)
        return own
