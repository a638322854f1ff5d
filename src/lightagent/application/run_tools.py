"""The tools of one run: those of the agent that acts now, as its sources list them, and the run's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic

from lightagent.application.foreign_code import await_foreign
from lightagent.application.means import Means
from lightagent.application.search_tools import SEARCH_TOOL, SearchTools
from lightagent.application.select_tools import Choice, ToolSelector
from lightagent.application.tools.catalogue import Catalogue
from lightagent.application.tools.toolset import DepsT, Toolset, tool_name
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.origin import Origin
from lightagent.domain.runs import Run
from lightagent.domain.tool_selection import OfferedTool
from lightagent.domain.tools import ToolSpec
from lightagent.ports.tools import Tool


@dataclass(frozen=True, slots=True)
class ListedTools(Generic[DepsT]):
    """The tools of the agent that acts now, as they were listed last.

    Attributes:
        base: its own and those of its sources.
        tools: the same with those of the run.
        selector: selects among the former; None where all are offered.
    """

    catalogue: Catalogue[DepsT]
    base: Toolset[DepsT]
    tools: Toolset[DepsT]
    selector: ToolSelector[DepsT] | None


class RunTools(Generic[DepsT]):
    """What was listed last, with the tools of the run added.

    Args:
        own: the tools of this run only.
    """

    __slots__ = ("_in_time", "_own", "_run", "_specs", "listed")

    def __init__(self, own: tuple[Tool[DepsT], ...]) -> None:
        self._own = own
        self._run: Run | None = None
        self._in_time = False
        self._specs: tuple[tuple[ToolSpec, ...], tuple[OfferedTool, ...], tuple[ToolSpec, ...]] = (), (), ()
        self.listed: ListedTools[DepsT] | None = None

    def names(self, catalogue: Catalogue[DepsT]) -> tuple[str, ...]:
        """The names of the agent's own tools and of the run's; nothing is listed or described for that."""
        return (*catalogue.own, *map(tool_name, self._own))

    async def toolset(self, means: Means[DepsT], run: Run, *, in_time: bool) -> Toolset[DepsT]:
        """The tools as they were at the run's last request.

        Args:
            means: of the agent that acts now.
            in_time: whether a source that takes too long can be given up.

        Raises:
            ConfigurationError: two tools have the same name.
            LightAgentError: a source cannot be listed.
        """
        listed = self.listed
        self._run = run
        if listed is not None and listed.catalogue is means.catalogue:
            return listed.tools
        return (await self.list(means, run, in_time=in_time)).tools

    async def list(self, means: Means[DepsT], run: Run, *, in_time: bool) -> ListedTools[DepsT]:
        """The tools as they are now; a source that has changed is listed again. For the rest see `toolset`."""
        catalogue, listed = means.catalogue, self.listed
        self._run, self._in_time = run, in_time
        base = catalogue.ready()
        if base is None:
            base = await await_foreign(catalogue.toolset(), in_time=in_time)
        if listed is None or listed.base is not base:
            listed = self.listed = self._with_own(means, base)
        return listed

    def _with_own(self, means: Means[DepsT], base: Toolset[DepsT]) -> ListedTools[DepsT]:
        selector = means.selector
        if selector is None or not selector.applies(base):
            return ListedTools(means.catalogue, base, base.plus(self._own), None)
        if not selector.options.search:
            return ListedTools(means.catalogue, base, base.plus(self._own), selector)
        if SEARCH_TOOL in base.tools or any(tool_name(tool) == SEARCH_TOOL for tool in self._own):
            raise ConfigurationError(
                f"tools: {SEARCH_TOOL!r} is the name of a tool that an agent which selects its tools has besides.",
                guidance="Rename yours, or pass tool_selection=ToolSelection(search=False).",
            )
        search = SearchTools(means.prompts.search_tools, self._search)
        return ListedTools(means.catalogue, base, base.plus((search, *self._own)), selector)

    def specs(self, names: tuple[str, ...], run: Run) -> tuple[ToolSpec, ...]:
        """What the model is told of these tools: what it was told first, in a run that selects its tools.

        As long as the same is asked for it is the same object, so that an adapter can keep what it made of it.
        """
        if self.listed is None:
            return ()
        specs, declared = self.listed.tools.specs(names), run.own_tools
        if not declared:
            return specs
        if self._specs[0] is not specs or self._specs[1] is not declared:
            told = {tool.name: tool for tool in declared}
            made = tuple(told[spec.name].applied_to(spec) if spec.name in told else spec for spec in specs)
            self._specs = specs, declared, self._specs[2] if made == self._specs[2] else made
        return self._specs[2]

    async def _search(self, query: str, origin: Origin) -> tuple[Choice, frozenset[str]]:
        """What the model finds, and what it is offered already."""
        listed, run = self.listed, self._run
        if listed is None or listed.selector is None or run is None:
            raise ConfigurationError("The tools of the run are not listed yet.", guidance="")
        selector, offered = listed.selector, frozenset((*(run.offered or ()), *run.hidden))
        room = max(selector.options.most - len(offered), 0)
        choice = await selector.choose(query, listed.base, origin, without=offered, room=room, in_time=self._in_time)
        return choice, offered
