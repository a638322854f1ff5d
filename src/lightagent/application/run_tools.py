"""The tools of one run: those of the agent that acts now, as its sources list them, and the run's own."""

from __future__ import annotations

from typing import Generic

from lightagent.application.foreign_code import await_foreign
from lightagent.application.tools.catalogue import Catalogue
from lightagent.application.tools.toolset import DepsT, Toolset, tool_name
from lightagent.domain.runs import Run
from lightagent.ports.tools import Tool


class RunTools(Generic[DepsT]):
    """What was listed last, with the tools of the run added.

    Args:
        own: the tools of this run only.
    """

    __slots__ = ("_listed", "_own")

    def __init__(self, own: tuple[Tool[DepsT], ...]) -> None:
        self._own = own
        self._listed: tuple[Catalogue[DepsT], Toolset[DepsT], Toolset[DepsT]] | None = None

    def names(self, catalogue: Catalogue[DepsT]) -> tuple[str, ...]:
        """The names of the agent's own tools and of the run's; nothing is listed or described for that."""
        return (*catalogue.own, *map(tool_name, self._own))

    async def toolset(self, catalogue: Catalogue[DepsT], *, in_time: bool) -> Toolset[DepsT]:
        """The tools as they were at the run's last request.

        Args:
            catalogue: of the agent that acts now.
            in_time: whether a source that takes too long can be given up.
        """
        listed = self._listed
        if listed is not None and listed[0] is catalogue:
            return listed[2]
        return await self._list(catalogue, in_time=in_time)

    async def offer(self, catalogue: Catalogue[DepsT], run: Run, *, in_time: bool) -> tuple[str, ...]:
        """The names of the tools that the next request offers; a source that has changed is listed again.

        A tool that is gone is not offered any more, and one that has come is offered if its source says so.

        Raises:
            ConfigurationError: two tools have the same name.
            LightAgentError: a source cannot be listed.
        """
        before = self._listed
        toolset = await self._list(catalogue, in_time=in_time)
        if run.offered is None:
            return toolset.initial
        offered = run.offered + run.hidden
        if before is None or before[2] is toolset:
            return offered
        came = (name for name in toolset.initial if name not in before[2].tools)
        return (*(name for name in offered if name in toolset.tools), *came)

    async def _list(self, catalogue: Catalogue[DepsT], *, in_time: bool) -> Toolset[DepsT]:
        base = catalogue.ready()
        if base is None:
            base = await await_foreign(catalogue.toolset(), in_time=in_time)
        listed = self._listed
        if listed is None or listed[1] is not base:
            listed = self._listed = catalogue, base, base.plus(self._own)
        return listed[2]
