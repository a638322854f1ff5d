"""All that an agent may call: its own tools, and those of its sources, which are listed when they are first needed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Generic

from lightagent.aiokits.loop_locks import LoopLocks
from lightagent.application.foreign_code import FAILURES, failure
from lightagent.application.tools.describe_failure import describe_failure
from lightagent.application.tools.function_tool import FunctionTool, is_tool
from lightagent.application.tools.toolset import DepsT_contra, Toolset, tools_by_name
from lightagent.domain.errors import ConfigurationError, ToolError
from lightagent.ports.tools import Tool, ToolList, ToolSource

OWN_TOOLS: Final = "the agent's own tools"

_MOST_AT_ONCE: Final = 8
"""Sources that are listed at the same time; each may start a process."""


class Catalogue(Generic[DepsT_contra]):
    """Immutable but for what it remembers of its sources. Serves any number of runs and event loops at once.

    Args:
        tools: the agent's own.
        sources: of more; listed at the first run, and again once their version changes.

    Raises:
        ConfigurationError: two of the agent's own tools have the same name.
    """

    __slots__ = ("_listed", "_locks", "_versions", "own", "sources")

    def __init__(
        self, tools: Iterable[Tool[DepsT_contra]] = (), sources: tuple[ToolSource[DepsT_contra], ...] = ()
    ) -> None:
        self.own: dict[str, Tool[DepsT_contra]] = tools_by_name(tools)
        self.sources: tuple[ToolSource[DepsT_contra], ...] = sources
        self._versions: tuple[int, ...] = ()
        self._listed: Toolset[DepsT_contra] | None = None if sources else Toolset(self.own)
        self._locks = LoopLocks()

    def ready(self) -> Toolset[DepsT_contra] | None:
        """The tools, if no source has to be listed for that."""
        listed = self._listed
        return listed if listed is not None and self._versions == self._current() else None

    async def toolset(self) -> Toolset[DepsT_contra]:
        """The tools as they are now. Runs that need the list at the same time have it listed once.

        Raises:
            ConfigurationError: two tools have the same name; the text names where both come from. Or a source lists
                something that is not a tool.
            LightAgentError: a source cannot be listed.
            asyncio.CancelledError: the run was cancelled.
        """
        async with self._locks.here():
            listed = self.ready()
            if listed is None:
                versions = self._current()
                listed = await self._list()
                self._listed, self._versions = listed, versions
            return listed

    async def _list(self) -> Toolset[DepsT_contra]:
        tools: dict[str, Tool[DepsT_contra]] = dict(self.own)
        origins = dict.fromkeys(tools, OWN_TOOLS)
        initial = list(tools)
        for source, found in zip(self.sources, await _listed_together(self.sources), strict=True):
            for name, tool in _entries(source, found):
                if name in tools:
                    raise _named_twice(name, origins[name], f"the source {source.name!r}")
                tools[name] = tool
                origins[name] = f"the source {source.name!r}"
            initial.extend(found.tools if found.offered is None else _known(found.offered, found.tools, source.name))
        return Toolset(tools, tuple(initial))

    def _current(self) -> tuple[int, ...]:
        # A list, since a `StopIteration` of a source would end what reads a map.
        return tuple([_version(source) for source in self.sources]) if self.sources else ()

    async def aclose(self) -> None:
        """Close the sources, the last one first; one that fails to close does not keep the others open."""
        errors: list[Exception] = []
        for source in reversed(self.sources):
            try:
                await source.aclose()
            except FAILURES as raised:  # Raised again below, once all are closed.
                errors.append(failure(raised))
        self._versions, self._listed = (), None if self.sources else self._listed
        if errors:
            raise errors[0]


def _version(source: ToolSource[DepsT_contra]) -> int:
    try:
        return source.version
    except FAILURES as raised:
        if isinstance(raised, Exception):
            raise
        raise _failed(source, raised, "tell its version") from raised


async def _listed_together(sources: tuple[ToolSource[DepsT_contra], ...]) -> list[ToolList[DepsT_contra]]:
    """What each source lists, in their order. Servers take their time to start, so several are asked at once.

    Raises:
        LightAgentError: as the first of them raised it; the others have ended by then.
    """
    if len(sources) == 1:
        return [await _listed(sources[0])]
    places = asyncio.Semaphore(_MOST_AT_ONCE)

    async def listed(source: ToolSource[DepsT_contra]) -> ToolList[DepsT_contra]:
        async with places:
            return await _listed(source)

    found = await asyncio.gather(*map(listed, sources), return_exceptions=True)
    for one in found:
        if isinstance(one, BaseException):
            raise one
    return [one for one in found if not isinstance(one, BaseException)]


async def _listed(source: ToolSource[DepsT_contra]) -> ToolList[DepsT_contra]:
    try:
        listed = await source.tools()
    except FAILURES as raised:
        if isinstance(raised, Exception):
            raise
        raise _failed(source, raised, "list its tools") from raised
    found: object = listed
    if not isinstance(found, ToolList) or not isinstance(getattr(listed, "tools", None), Mapping):
        raise ConfigurationError(
            f"tools: the source {source.name!r} must list its tools as a ToolList, got {type(listed).__name__}.",
            guidance="",
        )
    return listed


def _entries(
    source: ToolSource[DepsT_contra], listed: ToolList[DepsT_contra]
) -> Iterator[tuple[str, Tool[DepsT_contra]]]:
    """The tools of a source with their names, each looked at only as far as to see that it is one."""
    for name, tool in _items(source, listed):
        key: object = name
        if not isinstance(key, str) or not (isinstance(tool, FunctionTool) or is_tool(tool)):
            raise ConfigurationError(
                f"tools: the source {source.name!r} lists a {type(tool).__name__} as {key!r:.100}, which is no tool.",
                guidance="List a dict of names and tools; as_tool makes one of a function.",
            )
        yield name, tool


def _items(source: ToolSource[DepsT_contra], listed: ToolList[DepsT_contra]) -> list[tuple[str, Tool[DepsT_contra]]]:
    try:
        return list(listed.tools.items())
    except FAILURES as raised:  # The mapping may be foreign code.
        if isinstance(raised, Exception):
            raise
        raise _failed(source, raised, "list its tools") from raised


def _failed(source: ToolSource[DepsT_contra], raised: BaseException, what: str) -> ToolError:
    """The error for what is no `Exception`, such as the cancellation of something that the source waited for."""
    described = describe_failure(failure(raised))
    return ToolError(f"The source of tools {source.name!r:.100} failed to {what}: {described}", guidance="")


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
