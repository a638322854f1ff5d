"""All tools of an agent: its own, and those of its sources, which are listed when first needed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, Generic

from lightagent.aiokits.loop_locks import LoopLocks
from lightagent.application.foreign_code import FAILURES, failure
from lightagent.application.tools.deps import DepsT_contra
from lightagent.application.tools.function_tool import FunctionTool, is_tool
from lightagent.application.tools.redaction import describe_failure
from lightagent.application.tools.toolset import Toolset, tools_by_name
from lightagent.domain.errors import ConfigurationError, ToolError
from lightagent.ports.tools import Tool, ToolList, ToolSource

OWN_TOOLS: Final = "the agent's own tools"

_MOST_AT_ONCE: Final = 8
"""The maximum number of sources listed at the same time; each may start a process."""


class Catalogue(Generic[DepsT_contra]):
    """Immutable apart from the cached lists of its sources. Serves any number of runs and event loops at once.

    Args:
        tools: the agent's own tools.
        sources: further tools; listed at the first run, and again when their version changes.

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
        """The tools, if no source has to be listed first; otherwise None."""
        listed = self._listed
        return listed if listed is not None and self._versions == self._current() else None

    async def toolset(self) -> Toolset[DepsT_contra]:
        """Return the current tools. Concurrent runs share one listing.

        Raises:
            ConfigurationError: two tools have the same name (the message names both origins), or a source lists
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
        # A list, because a source's `StopIteration` would silently end an iterator over `map`.
        return tuple([_version(source) for source in self.sources]) if self.sources else ()

    async def aclose(self) -> None:
        """Close the sources in reverse order; a failure to close one does not stop the others from closing."""
        errors: list[Exception] = []
        for source in reversed(self.sources):
            try:
                await source.aclose()
            except FAILURES as raised:  # Raised below, once all are closed.
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
    """List the sources and return their lists in order. Servers take time to start, so several are listed at once.

    Raises:
        LightAgentError: the first source's error, raised after the other listings have ended.
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
    """Yield the tools of a source with their names, checking only that each is a tool."""
    for name, tool in _items(source, listed):
        key: object = name
        if not isinstance(key, str) or not (isinstance(tool, FunctionTool) or is_tool(tool)):
            raise ConfigurationError(
                f"tools: the source {source.name!r} lists a {type(tool).__name__} as {key!r:.80}, which is not a tool.",
                guidance="List a dict of names and tools; as_tool makes one of a function.",
            )
        yield name, tool


def _items(source: ToolSource[DepsT_contra], listed: ToolList[DepsT_contra]) -> list[tuple[str, Tool[DepsT_contra]]]:
    try:
        return list(listed.tools.items())
    except FAILURES as raised:  # The mapping may be third-party code.
        if isinstance(raised, Exception):
            raise
        raise _failed(source, raised, "list its tools") from raised


def _failed(source: ToolSource[DepsT_contra], raised: BaseException, what: str) -> ToolError:
    """Return the error for a failure that is not an `Exception`, such as a cancellation inside the source."""
    described = describe_failure(failure(raised))
    return ToolError(f"The source of tools {source.name!r:.100} failed to {what}: {described}", guidance="")


def _known(offered: tuple[str, ...], tools: Mapping[str, object], source: str) -> tuple[str, ...]:
    """Return the names that a source offers. Raise if one is not among its tools."""
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
