"""All that an agent may call: its own tools, and those of its sources, which are listed when they are first needed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final, Generic
from weakref import WeakKeyDictionary

from lightagent.application.foreign_code import FAILURES, failure
from lightagent.application.tools.toolset import DepsT, Toolset, tools_by_name
from lightagent.domain.errors import ConfigurationError
from lightagent.ports.tools import Tool, ToolList, ToolSource

OWN_TOOLS: Final = "the agent's own tools"


class Catalogue(Generic[DepsT]):
    """Immutable but for what it remembers of its sources. Serves any number of runs and event loops at once.

    Args:
        tools: the agent's own.
        sources: of more; listed at the first run, and again once their version changes.

    Raises:
        ConfigurationError: two of the agent's own tools have the same name.
    """

    __slots__ = ("_listed", "_locks", "_versions", "own", "sources")

    def __init__(self, tools: Iterable[Tool[DepsT]] = (), sources: tuple[ToolSource[DepsT], ...] = ()) -> None:
        self.own = tools_by_name(tools)
        self.sources = sources
        self._versions: tuple[int, ...] = ()
        self._listed: Toolset[DepsT] | None = None if sources else Toolset(self.own)
        self._locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()

    def ready(self) -> Toolset[DepsT] | None:
        """The tools, where nothing has to be listed for that."""
        listed = self._listed
        return listed if listed is not None and self._versions == self._current() else None

    async def toolset(self) -> Toolset[DepsT]:
        """The tools as they are now. Runs that need the list at the same time have it listed once.

        Raises:
            ConfigurationError: two tools have the same name; the text names where both come from.
            LightAgentError: a source cannot be listed.
        """
        async with self._locks.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            listed = self.ready()
            if listed is None:
                versions = self._current()
                listed = await self._list()
                self._listed, self._versions = listed, versions
            return listed

    async def _list(self) -> Toolset[DepsT]:
        tools: dict[str, Tool[DepsT]] = dict(self.own)
        origins = dict.fromkeys(tools, OWN_TOOLS)
        initial = list(tools)
        for source in self.sources:
            found = await _listed(source)
            for name, tool in found.tools.items():
                if name in tools:
                    raise _named_twice(name, origins[name], f"the source {source.name!r}")
                tools[name] = tool
                origins[name] = f"the source {source.name!r}"
            initial.extend(found.tools if found.offered is None else _known(found.offered, found.tools, source.name))
        return Toolset(tools, tuple(initial))

    def _current(self) -> tuple[int, ...]:
        return tuple(source.version for source in self.sources) if self.sources else ()

    async def aclose(self) -> None:
        """Close the sources, the last one first; one that fails to close does not keep the others open."""
        errors: list[Exception] = []
        for source in reversed(self.sources):
            try:
                await source.aclose()
            except Exception as error:  # Raised again below, once all are closed.
                errors.append(error)
        self._versions, self._listed = (), None if self.sources else self._listed
        if errors:
            raise errors[0]


async def _listed(source: ToolSource[DepsT]) -> ToolList[DepsT]:
    try:
        listed = await source.tools()
    except FAILURES as raised:
        if isinstance(raised, Exception):
            raise
        raise failure(raised) from raised
    found: object = listed
    if not isinstance(found, ToolList) or not isinstance(getattr(listed, "tools", None), Mapping):
        raise ConfigurationError(
            f"tools: the source {source.name!r} must list its tools as a ToolList, got {type(listed).__name__}.",
            guidance="",
        )
    return listed


def _known(offered: tuple[str, ...], tools: Mapping[str, object], source: str) -> tuple[str, ...]:
    """The names that a source offers, which must be those of tools that it has."""
    unknown = [name for name in offered if name not in tools]
    if unknown:
        raise ConfigurationError(
            f"tools: the source {source!r} offers {unknown[0]!r:.100}, which is not among its tools.", guidance=""
        )
    return offered


def _named_twice(name: str, first: str, second: str) -> ConfigurationError:
    return ConfigurationError(
        f"tools: {name!r} is the name of a tool in {first} and in {second}.",
        guidance="Rename one, or give one source a prefix.",
    )
