"""The agents of a swarm: each can hand a run over to each of the others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Generic, get_args

from lightagent.application.active_run.means import Means
from lightagent.application.check_options import check_options
from lightagent.application.swarm.hand_off import HandoffTool, check_handoff_names
from lightagent.application.swarm.handoff import HandoffSettings
from lightagent.application.tools.catalogue import Catalogue
from lightagent.application.tools.deps import DepsT
from lightagent.compose.swarm_talk import Talk, TalkTools, as_consulted, compose_talk
from lightagent.domain.absent_names import SWARM_OPTIONS
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.swarm.handoff_limits import EVERYTHING, HandoffLimits, HandoffText, HistoryTransfer, NextTurn
from lightagent.options import SwarmOptions


@dataclass(frozen=True, slots=True)
class SwarmRules:
    """The rules for all agents of a swarm; see `SwarmOptions`."""

    limits: HandoffLimits = field(default_factory=HandoffLimits)
    history: HistoryTransfer = EVERYTHING
    handoff_text: HandoffText = "show"
    next_turn: NextTurn = "last"
    talk: Talk = field(default_factory=Talk)


_WORDS: Final[Mapping[str, tuple[str, ...]]] = {"handoff_text": get_args(HandoffText), "next_turn": get_args(NextTurn)}


def compose_rules(options: SwarmOptions) -> SwarmRules:
    """The rules of a swarm, from its options.

    Raises:
        ConfigurationError: an option is unknown or invalid.
    """
    check_options(options, SwarmOptions, "LightSwarm", parameters=("deps_type",), absent=SWARM_OPTIONS)
    for name, words in _WORDS.items():
        given: object = options.get(name)
        if given is not None and given not in words:
            known = ", ".join(map(repr, words))
            raise ConfigurationError(
                f"LightSwarm: {name} must be one of {known}, got {given!r:.80}.", guidance=f"Write {name}={words[0]!r}."
            )
    return SwarmRules(
        options.get("limits") or HandoffLimits(),
        options.get("history") or EVERYTHING,
        options.get("handoff_text") or "show",
        options.get("next_turn") or "last",
        compose_talk(options.get("consult"), options.get("mail")),
    )


@dataclass(frozen=True, slots=True)
class Crew(Generic[DepsT]):
    """The parts of a swarm: its agents, how they hand over if that was set, and the rules for all."""

    agents: Sequence[Means[DepsT]]
    handoffs: Sequence[HandoffSettings[DepsT]]
    rules: SwarmRules


def check_crew(crew: Crew[DepsT], new: Collection[str]) -> None:
    """Raise unless these agents can form a swarm. This costs much less than making one.

    Args:
        new: the names of agents that were not checked yet; the others were checked together.

    Raises:
        ConfigurationError: the names of two agents cannot be told apart, an agent has a tool that is called like a
            handoff, or handoffs of its own, or two settings say how one hands over to another.
    """
    check_handoff_names(agent.name for agent in crew.agents)
    tools, talking = _HandoffTools(crew), TalkTools[DepsT](crew.rules.talk)
    added = [agent for agent in crew.agents if agent.name in new]
    # Handoffs with names of their own may collide.
    are_named = any(handoff.tool_name is not None for handoff in crew.handoffs)
    for agent in crew.agents:
        if agent.handoffs:
            raise ConfigurationError(
                f"LightSwarm: {agent.name} has handoffs of its own.",
                guidance="Register the agents that it hands over to, and make it without handoffs=.",
            )
        handing = tools.of(agent, crew.agents if are_named or agent.name in new else added)
        named = [tool.spec.name for tool in handing]
        talking.check(agent, crew.agents if are_named or agent.name in new else added, named)


def compose_swarm(crew: Crew[DepsT]) -> Mapping[str, Means[DepsT]]:
    """The means of each agent within the swarm, by its name.

    Raises:
        ConfigurationError: see `check_crew`; an agent was given another tool since.
    """
    rules, tools, talking = crew.rules, _HandoffTools(crew), TalkTools[DepsT](crew.rules.talk)
    # Each member names all of them, itself included, so the list is filled once they are made.
    members: list[Means[DepsT]] = []
    for agent in crew.agents:
        said = talking.of(agent, crew.agents)
        own = (*agent.catalogue.own.values(), *tools.of(agent, crew.agents), *said)
        members.append(
            replace(
                agent,
                catalogue=Catalogue(own, agent.catalogue.sources),
                handoffs=members,
                handoff_limits=rules.limits,
                handoff_text=rules.handoff_text,
                next_turn=rules.next_turn,
                mail=rules.talk.mail,
            )
        )
    talking.asked.update((member.name, as_consulted(member)) for member in members)
    return {member.name: member for member in members}


class _HandoffTools(Generic[DepsT]):
    """The tools with which the agents of a swarm hand over. Agents that do it in the same way share one."""

    def __init__(self, crew: Crew[DepsT]) -> None:
        self._crew = crew
        self._settings: dict[str, list[HandoffSettings[DepsT]]] = {}
        for handoff in crew.handoffs:
            self._settings.setdefault(handoff.agent.name, []).append(handoff)
        self._made: dict[tuple[str, int, int], HandoffTool[DepsT]] = {}

    def of(self, agent: Means[DepsT], others: Sequence[Means[DepsT]]) -> tuple[HandoffTool[DepsT], ...]:
        """The tools with which an agent hands over to each of the others.

        Raises:
            ConfigurationError: one has the name of another tool of the agent.
        """
        tools: dict[str, HandoffTool[DepsT]] = {}
        for other in others:
            if other.name == agent.name:
                continue
            tool = self._tool(agent, other)
            name = tool.spec.name
            if name in agent.catalogue.own:
                raise ConfigurationError(
                    f"LightSwarm: {agent.name} has a tool {name}, which is how it hands over to {other.name}.",
                    guidance="Rename the tool.",
                )
            if tools.setdefault(name, tool) is not tool:
                raise ConfigurationError(
                    f"LightSwarm: {agent.name} hands over to {other.name} and to another agent by the tool {name}.",
                    guidance="Give the handoffs another tool_name.",
                )
        return tuple(tools.values())

    def _tool(self, agent: Means[DepsT], other: Means[DepsT]) -> HandoffTool[DepsT]:
        settings = self._settings_of(agent.name, other.name)
        key = other.name, id(agent.prompts), id(settings)
        if key not in self._made:
            self._made[key] = HandoffTool(other, agent.prompts, settings, self._crew.rules.history)
        return self._made[key]

    def _settings_of(self, source: str, target: str) -> HandoffSettings[DepsT] | None:
        """How one agent hands over to another; None: as agents do by default.

        Raises:
            ConfigurationError: two settings apply.
        """
        found = [handoff for handoff in self._settings.get(target, ()) if handoff.serves(source, target)]
        if len(found) > 1:
            raise ConfigurationError(
                f"LightSwarm: two handoffs say how {source!r:.80} hands over to {target!r:.80}.",
                guidance="Pass sources= to each of them.",
            )
        return found[0] if found else None
