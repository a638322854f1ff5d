"""The tools of one run: those of the acting agent, as its sources list them, and the run's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic

from lightagent.application.active_run.means import Means
from lightagent.application.foreign_code import await_foreign
from lightagent.application.tool_selection.search_tools import SearchTools
from lightagent.application.tool_selection.select_tools import Choice, ToolSelector
from lightagent.application.tools.catalogue import Catalogue
from lightagent.application.tools.deps import DepsT
from lightagent.application.tools.foreign_tool import declared
from lightagent.application.tools.toolset import Toolset, tool_name
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.origin import Origin
from lightagent.domain.runs.agents import lasting_name
from lightagent.domain.runs.plan_folding import split_by_plan
from lightagent.domain.runs.selection_folding import names_to_offer
from lightagent.domain.runs.state import NO_TOOLS, Run
from lightagent.domain.tools.selection import SEARCH_TOOL, OfferedTool
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.tools import Tool


@dataclass(frozen=True, slots=True)
class Listing(Generic[DepsT]):
    """The tools of the acting agent, as they were listed last.

    Attributes:
        base: its own and those of its sources.
        pool: among which is selected; with the tools of the run, where these alone are too many.
        tools: all that can be called.
        selector: selects; None if all are offered.
    """

    catalogue: Catalogue[DepsT]
    base: Toolset[DepsT]
    pool: Toolset[DepsT]
    tools: Toolset[DepsT]
    selector: ToolSelector[DepsT] | None


class RunTools(Generic[DepsT]):
    """What was listed last, with the tools of the run added.

    Args:
        own: the tools of this run only.

    Attributes:
        listed: the last listing.
        before: the tools that each agent was offered in the conversation that the run begins from, by its lasting name.
    """

    __slots__ = ("_in_time", "_own", "_promised", "_run", "_specs", "before", "listed")

    def __init__(self, own: tuple[Tool[DepsT], ...]) -> None:
        self._own = own
        self._run: Run | None = None
        self._in_time = False
        self._specs: tuple[tuple[ToolSpec, ...], tuple[OfferedTool, ...], tuple[ToolSpec, ...]] = (), (), ()
        self._promised: tuple[tuple[str, int], dict[str, None]] = ("", 0), {}
        self.listed: Listing[DepsT] | None = None
        self.before: Mapping[str, tuple[OfferedTool, ...]] = NO_TOOLS

    def names(self, catalogue: Catalogue[DepsT]) -> tuple[str, ...]:
        """The names of the agent's own tools and of the run's; no source is listed for that."""
        return (*catalogue.own, *map(tool_name, self._own))

    async def toolset(self, means: Means[DepsT], run: Run, *, in_time: bool) -> Toolset[DepsT]:
        """The tools as they were at the run's last request.

        Args:
            means: of the acting agent.
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

    async def list(self, means: Means[DepsT], run: Run, *, in_time: bool) -> Listing[DepsT]:
        """The tools as they are now; a source that has changed is listed again. For the rest see `toolset`."""
        catalogue, listed = means.catalogue, self.listed
        self._run, self._in_time = run, in_time
        base = catalogue.ready()
        if base is None:
            base = await await_foreign(catalogue.toolset(), in_time=in_time)
        if listed is None or listed.base is not base:
            listed = self.listed = self._with_own(means, base, run)
        return listed

    def declared(self, run: Run) -> tuple[OfferedTool, ...]:
        """The tools that the acting agent was offered before in this conversation, in this run or in an earlier one."""
        name = lasting_name(run.head.name)
        if run.own_tools or not (name or run.head.name == run.started.head.name):
            return run.own_tools
        return self.before.get(name, ())

    def _with_own(self, means: Means[DepsT], base: Toolset[DepsT], run: Run) -> Listing[DepsT]:
        selector, tools = means.selector, base.plus(self._own)
        # An agent that has selected before goes on so, with however few tools.
        if selector is None or not (self.declared(run) or len(tools.initial) > selector.options.threshold):
            return Listing(means.catalogue, base, tools, tools, None)
        options = selector.options
        pool = base if len(self._own) <= options.threshold and len(self._own) < options.most else tools
        if not options.search:
            return Listing(means.catalogue, base, pool, tools, selector)
        if SEARCH_TOOL in tools.tools:
            raise ConfigurationError(
                f"tools: {SEARCH_TOOL!r} is the name of a tool that an agent which selects its tools has besides.",
                guidance="Rename yours, or pass tool_selection=ToolSelection(search=False).",
            )
        search = SearchTools(means.prompts.search_tools, self._search)
        return Listing(means.catalogue, base, pool, base.plus((search, *self._own)), selector)

    def specs(self, names: tuple[str, ...], run: Run) -> tuple[ToolSpec, ...]:
        """The declarations of these tools for the model: the first ones on record, in a run that selects its tools.

        The same request gives the same object, so that an adapter can reuse its conversion.
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

    async def described(self, names: tuple[str, ...], run: Run) -> tuple[ToolSpec, ...]:
        """The same, after the missing declarations of these tools were made."""
        if self.listed is not None:
            await self.listed.tools.describe(names)
        return self.specs(names, run)

    async def _search(self, query: str, origin: Origin) -> tuple[Choice, frozenset[str]]:
        """The result of the model's search, and the tools that are offered already or by other calls of this turn."""
        listed = self.listed
        if listed is None or listed.selector is None or self._run is None:
            raise ConfigurationError("The tools of the run are not listed yet.", guidance="")
        found = await listed.selector.find(query, listed.pool, origin, in_time=self._in_time)
        # Nothing is awaited from here on, so that the searches of one turn share the remaining room.
        run, tools = self._run, listed.tools.tools
        offered = (*(run.offered or ()), *split_by_plan(run, run.hidden)[0])
        turn = (run.head.name, run.turn)
        if self._promised[0] != turn:
            self._promised = turn, {}
        promised = dict.fromkeys((*names_to_offer(run), *self._promised[1]))
        new = [name for name in promised if name not in offered and name in tools]
        besides = (*self.specs(offered, run), *(declared(tools[name], name) for name in new))
        choice = listed.selector.take(found, besides)
        self._promised[1].update(dict.fromkeys(choice.names))
        return choice, frozenset((*offered, *new))
