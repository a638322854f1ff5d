"""Selects some of many tools to offer to a model: for a query, or for the model's own search."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Generic

from lightagent.aiokits.loop_locks import LoopLocks
from lightagent.application.agent_options.tool_selection import ToolSelection
from lightagent.application.foreign_code import FAILURES, await_foreign, failure
from lightagent.application.tools.deps import DepsT_contra
from lightagent.application.tools.foreign_tool import declared
from lightagent.application.tools.toolset import Toolset
from lightagent.domain.budgets.token_costs import tools_cost
from lightagent.domain.budgets.token_estimate import estimate_tokens
from lightagent.domain.error_codes import LightAgentErrorInfo
from lightagent.domain.error_mapping import classify_exception
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.origin import Origin
from lightagent.domain.policy.capabilities import CapabilityPolicy, Requester
from lightagent.domain.tools.ranking import RankedTool, as_ranking, fuse
from lightagent.domain.tools.selection import names_within
from lightagent.domain.tools.spec import OWN_PROVIDER, ToolSpec
from lightagent.ports.tool_ranker import ToolRanker

MOST_CANDIDATES: Final = 50
"""Tools of a ranking that are on record."""

MOST_RANKED: Final = 400
"""Tools that each ranker returns; more could not fit into a request."""

_DECIDED_AT_ONCE: Final = 100
"""Tools about which a policy decides before other runs get their turn; a hundred take some milliseconds."""

_SECONDS: Final = 10.0
"""How long one ranker may take, such as one that asks a server; the others decide without it then."""


@dataclass(frozen=True, slots=True)
class Found:
    """The rankers' results for a query.

    Attributes:
        ranked: the tools that the run may have called, the best first.
        specs: the declarations of all tools among which they looked, by name.
        rankers: the names of those that answered.
        errors: of the other rankers.
    """

    ranked: Sequence[RankedTool]
    specs: Mapping[str, ToolSpec]
    rankers: tuple[str, ...]
    errors: tuple[LightAgentErrorInfo, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen tools.

    Attributes:
        names: the tools that come behind those that were there before, the best first.
        candidates: the rankers' results, the best first.
        searched: how many tools there were.
        rankers: the names of those that answered.
        tokens: of the declarations of the chosen tools.
        errors: of the other rankers.
        is_cut: whether some tools that would have been chosen were left out for lack of room.
        is_over: whether the tools that are always offered exceed the room already.
    """

    names: tuple[str, ...]
    candidates: tuple[RankedTool, ...]
    searched: int
    rankers: tuple[str, ...]
    tokens: int
    errors: tuple[LightAgentErrorInfo, ...]
    is_cut: bool
    is_over: bool


class ToolSelector(Generic[DepsT_contra]):
    """Selects among the tools of one agent. Serves any number of runs at once.

    Args:
        options: of the selection.
        rankers: makes all rankers, at the first choice: most agents never choose.
        capabilities: the policy of who may call which tools; denied tools are not chosen.
        window: tokens of a whole request, where they are limited: one choice takes a quarter of them at most, and all
            declarations together one half.
    """

    def __init__(
        self,
        options: ToolSelection,
        rankers: Callable[[ToolSelection], tuple[ToolRanker, ...]],
        capabilities: CapabilityPolicy | None = None,
        window: int | None = None,
    ) -> None:
        self.options = options
        self._make_rankers = rankers
        self._made: tuple[ToolRanker, ...] | None = None
        self._capabilities = capabilities
        self._tokens = options.tokens if window is None else min(options.tokens, max(window // 4, 1))
        self._most_tokens = None if window is None else window // 2
        self._locks = LoopLocks()
        self._known: tuple[Toolset[DepsT_contra], tuple[ToolSpec, ...], Mapping[str, ToolSpec]] | None = None

    async def find(self, query: str, toolset: Toolset[DepsT_contra], origin: Origin, *, in_time: bool) -> Found:
        """The tools that fit a text, the best first.

        Args:
            toolset: among whose tools is chosen.
            origin: the run that asks.
            in_time: whether a ranker that takes too long can be given up.

        Raises:
            ConfigurationError: a tool cannot be declared.
        """
        tools, specs = await self._described(toolset)
        # Denied tools must not take the places of allowed ones.
        limit = MOST_RANKED if self._capabilities is None else len(tools)
        rankings, names, errors = await self._rankings(query, tools, specs, limit, in_time=in_time)
        ranked = rankings[0] if len(rankings) == 1 else fuse(rankings)
        return Found(await self._allowed(ranked, specs, origin), specs, names, errors)

    def take(self, found: Found, besides: Sequence[ToolSpec]) -> Choice:
        """The best of the ranked tools, as far as there is room besides the declarations that are offered anyway."""
        costs: dict[str, int] = {}

        def cost(name: str) -> int:
            if name not in costs:
                costs[name] = declaration_tokens(found.specs[name])
            return costs[name]

        there = {spec.name for spec in besides}
        free = self.options.most - len(besides)
        room, whole = None, self._most_tokens
        if whole is not None:
            room = whole - sum(map(declaration_tokens, besides))
        ranked = [tool for tool in found.ranked if tool.name not in there]
        wanted = names_within(ranked, cost, tokens=self._tokens, most=self.options.most, room=whole)
        chosen = names_within(ranked, cost, tokens=self._tokens, most=free, room=room)
        return Choice(
            chosen,
            tuple(found.ranked[:MOST_CANDIDATES]),
            len(found.specs),
            found.rankers,
            sum(map(cost, chosen)),
            found.errors,
            not set(wanted).issubset(chosen),
            free < 0 or (room is not None and room < 0),
        )

    async def framework_tools(self, toolset: Toolset[DepsT_contra]) -> tuple[str, ...]:
        """The names of the tools that the framework itself offers, such as one that reads back what was put aside."""
        tools, _ = await self._described(toolset)
        return tuple(spec.name for spec in tools if spec.provider == OWN_PROVIDER)

    async def _described(self, toolset: Toolset[DepsT_contra]) -> tuple[tuple[ToolSpec, ...], Mapping[str, ToolSpec]]:
        """The declarations of the tools among which is chosen, also by name; the same until the tools change."""
        known = self._known
        if known is None or known[0] is not toolset:
            async with self._locks.here():  # Runs that need the same at the same time have it worked out once.
                known = self._known
                if known is None or known[0] is not toolset:
                    await toolset.describe(toolset.initial)
                    specs = tuple(declared(toolset.tools[name], name) for name in toolset.initial)
                    known = self._known = toolset, specs, {spec.name: spec for spec in specs}
        return known[1], known[2]

    async def _rankings(
        self, query: str, tools: tuple[ToolSpec, ...], specs: Mapping[str, ToolSpec], limit: int, *, in_time: bool
    ) -> tuple[list[Sequence[RankedTool]], tuple[str, ...], tuple[LightAgentErrorInfo, ...]]:
        """The ranking of each ranker, the names of those that answered, and the errors of the others."""
        rankings: list[Sequence[RankedTool]] = []
        names: list[str] = []
        errors: list[LightAgentErrorInfo] = []
        if self._made is None:
            self._made = self._make_rankers(self.options)
        for ranker in self._made:
            try:
                found: object = await await_foreign(ranker.rank(query, tools, limit), _SECONDS, in_time=in_time)
                rankings.append(_checked(found, specs, ranker.name))
                names.append(ranker.name)
            except FAILURES as raised:  # The ranker may be foreign code, perhaps behind a network: the others go on.
                errors.append(classify_exception(failure(raised)))
        return rankings, tuple(names), tuple(errors)

    async def _allowed(
        self, ranked: Sequence[RankedTool], specs: Mapping[str, ToolSpec], origin: Origin
    ) -> Sequence[RankedTool]:
        """The first tools that the run may call; policies behind the gate check each request besides."""
        policy = self._capabilities
        if policy is None:
            return ranked
        requester = Requester(origin.scope.user, origin.agent_name, origin.scope.tenant)
        allowed: list[RankedTool] = []
        for number, tool in enumerate(ranked, 1):
            if policy.decide(requester, specs[tool.name]).access != "deny":
                allowed.append(tool)
            if len(allowed) == MOST_RANKED:
                break
            if number % _DECIDED_AT_ONCE == 0:
                await asyncio.sleep(0)
        return allowed


def declaration_tokens(spec: ToolSpec) -> int:
    """The estimated tokens of a tool in a request."""
    cost = tools_cost((spec,))
    return cost.tokens + sum(map(estimate_tokens, cost.texts))


def _checked(found: object, known: Mapping[str, ToolSpec], ranker: str) -> Sequence[RankedTool]:
    """A ranking, if it is one of these tools.

    Raises:
        ConfigurationError: it is not.
    """
    ranked = as_ranking(found) if isinstance(found, Sequence) and len(found) <= len(known) else None
    if ranked is not None and len({one.name for one in ranked} & known.keys()) == len(ranked):
        return ranked
    raise ConfigurationError(
        f"The ranker {ranker!r:.80} must give a list of RankedTool values, each of another of the tools it was given.",
        guidance="",
    )
