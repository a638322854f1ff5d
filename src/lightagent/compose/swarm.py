"""Agents as a swarm has them: each can hand a run over to each of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from lightagent.application.hand_off import HandoffTool, check_handoff_names, handoff_name
from lightagent.application.means import Means
from lightagent.application.tools.catalogue import Catalogue
from lightagent.application.tools.toolset import DepsT
from lightagent.compose.swarm_talk import Talk, as_asked, talking_tools
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.handoffs import HandoffLimits


class SwarmAgent(Protocol[DepsT]):
    """An agent as a swarm registers it: every `LightAgent` whose tools have the dependencies of the swarm."""

    means: Means[DepsT]

    @property
    def name(self) -> str:
        """What the others call it."""
        ...


def compose_swarm(agents: Sequence[Means[DepsT]], limits: HandoffLimits, talk: Talk) -> Mapping[str, Means[DepsT]]:
    """The means of each agent within the swarm, by its name.

    Raises:
        ConfigurationError: the names of two agents cannot be told apart, an agent has a tool that is called like a
            handoff, or handoffs of its own.
    """
    check_handoff_names(agent.name for agent in agents)
    # Each member names all of them, itself included, so the list is filled once they are made.
    crew: list[Means[DepsT]] = []
    asked: dict[str, Means[DepsT]] = {}
    for agent in agents:
        if agent.handoffs:
            raise ConfigurationError(
                f"LightSwarm: {agent.name} has handoffs of its own.",
                guidance="Register the agents that it hands over to, and make it without handoffs=.",
            )
        own = (*agent.catalogue.own.values(), *_handoffs(agent, agents), *talking_tools(agent, agents, asked, talk))
        catalogue = Catalogue(own, agent.catalogue.sources)
        crew.append(replace(agent, catalogue=catalogue, handoffs=crew, handoff_limits=limits, mail=talk.mail))
    asked.update((member.name, as_asked(member)) for member in crew)
    return {member.name: member for member in crew}


def _handoffs(agent: Means[DepsT], agents: Sequence[Means[DepsT]]) -> list[HandoffTool[DepsT]]:
    others = [other for other in agents if other.name != agent.name]
    for other in others:
        name = handoff_name(other.name)
        if name in agent.catalogue.own:
            raise ConfigurationError(
                f"LightSwarm: {agent.name} has a tool {name}, which is how it hands over to {other.name}.",
                guidance="Rename the tool.",
            )
    return [HandoffTool(other, agent.prompts) for other in others]
