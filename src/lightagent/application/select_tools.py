"""Selects, of many tools, those that a model is offered: for a query, or for what the model itself searches for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic

from lightagent.application.foreign_code import FAILURES, await_foreign, failure
from lightagent.application.tools.foreign_tool import declared
from lightagent.application.tools.toolset import DepsT, Toolset
from lightagent.domain.capabilities import CapabilityPolicy, Requester
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.origin import Origin
from lightagent.domain.ranking import RankedTool, as_ranking, fuse
from lightagent.domain.token_costs import tools_cost
from lightagent.domain.token_estimate import estimate_tokens
from lightagent.domain.tool_selection import names_within
from lightagent.domain.tools import ToolSpec
from lightagent.ports.tool_ranker import ToolRanker
from lightagent.ports.tool_selection import ToolSelection

MOST_CANDIDATES: Final = 50
"""Tools of a ranking that are on record."""

_RANKED: Final = 400
"""Tools that each ranker is asked for; more could not fit into a request."""

_SECONDS: Final = 10.0
"""How long one ranker may take, such as one that asks a server; the others decide without it then."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen.

    Attributes:
        names: the tools that come behind those that were there before, the best first.
        candidates: what the rankers found, the best first.
        searched: how many tools there were.
        rankers: the names of those that answered.
        tokens: what the declarations of the chosen tools take.
        errors: of the other rankers.
    """

    names: tuple[str, ...]
    candidates: tuple[RankedTool, ...]
    searched: int
    rankers: tuple[str, ...]
    tokens: int
    errors: tuple[LightAgentErrorInfo, ...]

    def first(self, count: int) -> Choice:
        """The same with the first of its tools only."""
        return replace(self, names=self.names[:count])


class ToolSelector(Generic[DepsT]):
    """Selects among the tools of one agent. Serves any number of runs at once.

    Args:
        options: of the selection.
        rankers: all that are asked.
        capabilities: who may have which tools called; what is denied is not chosen.
        tokens: what the declarations of one choice may take.
    """

    def __init__(
        self,
        options: ToolSelection,
        rankers: tuple[ToolRanker, ...],
        capabilities: CapabilityPolicy | None = None,
        tokens: int | None = None,
    ) -> None:
        self.options = options
        self._rankers = rankers
        self._capabilities = capabilities
        self._tokens = options.tokens if tokens is None else tokens
        self._known: tuple[Toolset[DepsT], tuple[ToolSpec, ...]] | None = None

    def applies(self, toolset: Toolset[DepsT]) -> bool:
        """Whether there are so many tools that some are selected."""
        return len(toolset.initial) > self.options.threshold

    async def choose(
        self, query: str, toolset: Toolset[DepsT], origin: Origin, *, without: frozenset[str], room: int, in_time: bool
    ) -> Choice:
        """The tools that fit a text best.

        Args:
            toolset: the agent's own tools and those of its sources.
            origin: the run that asks.
            without: names of tools that are offered anyway.
            room: tools that may be added.
            in_time: whether a ranker that takes too long can be given up.

        Raises:
            ConfigurationError: a tool cannot be declared.
        """
        tools = await self._described(toolset)
        specs = {spec.name: spec for spec in tools}
        rankings, names, errors = await self._rankings(query, tools, in_time=in_time)
        ranked = rankings[0] if len(rankings) == 1 else fuse(rankings)
        ranked = self._allowed(ranked, specs, origin)
        costs: dict[str, int] = {}

        def cost(name: str) -> int:
            return costs.setdefault(name, declaration_tokens(specs[name]))

        new = [tool for tool in ranked if tool.name not in without]
        chosen = names_within(new, cost, tokens=self._tokens, most=room)
        tokens = sum(map(cost, chosen))
        return Choice(chosen, tuple(ranked[:MOST_CANDIDATES]), len(tools), names, tokens, errors)

    async def _described(self, toolset: Toolset[DepsT]) -> tuple[ToolSpec, ...]:
        """The declarations of the tools among which is chosen; the same object until the tools change."""
        known = self._known
        if known is None or known[0] is not toolset:
            await toolset.describe(toolset.initial)
            specs = tuple(declared(toolset.tools[name], name) for name in toolset.initial)
            known = self._known = toolset, specs
        return known[1]

    async def _rankings(
        self, query: str, tools: tuple[ToolSpec, ...], *, in_time: bool
    ) -> tuple[list[Sequence[RankedTool]], tuple[str, ...], tuple[LightAgentErrorInfo, ...]]:
        """What each ranker says, the names of those that answered, and the errors of the others."""
        rankings: list[Sequence[RankedTool]] = []
        names: list[str] = []
        errors: list[LightAgentErrorInfo] = []
        known = frozenset(spec.name for spec in tools)
        for ranker in self._rankers:
            try:
                found: object = await await_foreign(ranker.rank(query, tools, _RANKED), _SECONDS, in_time=in_time)
                rankings.append(_checked(found, known, ranker.name))
                names.append(ranker.name)
            except FAILURES as raised:  # A ranker of anybody's, perhaps behind a network: the others go on.
                errors.append(classify_exception(failure(raised)))
        return rankings, tuple(names), tuple(errors)

    def _allowed(
        self, ranked: Sequence[RankedTool], specs: dict[str, ToolSpec], origin: Origin
    ) -> Sequence[RankedTool]:
        """Those of a ranking that the run may have called; policies behind the gate look at each request besides."""
        policy = self._capabilities
        if policy is None:
            return ranked
        requester = Requester(origin.scope.user, origin.agent_name, origin.scope.tenant)
        return [tool for tool in ranked if policy.decide(requester, specs[tool.name]).access != "deny"]


def declaration_tokens(spec: ToolSpec) -> int:
    """What a tool takes of a request, as it is estimated."""
    cost = tools_cost((spec,))
    return cost.tokens + sum(map(estimate_tokens, cost.texts))


def _checked(found: object, known: frozenset[str], ranker: str) -> Sequence[RankedTool]:
    """A ranking, if it is one of these tools.

    Raises:
        ConfigurationError: it is not.
    """
    ranked = as_ranking(found) if isinstance(found, Sequence) and len(found) <= len(known) else None
    if ranked is not None and len({one.name for one in ranked} & known) == len(ranked):
        return ranked
    raise ConfigurationError(
        f"The ranker {ranker!r:.80} must give a list of RankedTool values, each of another of the tools it was given.",
        guidance="",
    )
