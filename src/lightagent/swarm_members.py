"""The members of a swarm: who is registered, how they hand over, and what each of them is within the swarm."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Generic

from lightagent.agent import LightAgent
from lightagent.application.active_run.means import Means
from lightagent.application.swarm.handoff import HandoffSettings, SwarmAgent
from lightagent.application.tools.deps import DepsT
from lightagent.compose.swarm import Crew, SwarmRules, check_crew, compose_swarm
from lightagent.compose.swarm_talk import Talk
from lightagent.domain.errors import ConfigurationError


class SwarmMembers(Generic[DepsT]):
    """The registry of one swarm. What is added is checked first; what is refused changes nothing."""

    def __init__(self, rules: SwarmRules) -> None:
        self._rules = rules
        self._agents: dict[str, SwarmAgent[DepsT]] = {}
        self._handoffs: tuple[HandoffSettings[DepsT], ...] = ()
        self._composed: tuple[tuple[Means[DepsT], ...], Mapping[str, Means[DepsT]]] = (), {}
        self._lock = threading.Lock()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the agents, in the order in which they were registered."""
        return tuple(self._agents)

    @property
    def talk(self) -> Talk:
        """How the agents talk to each other besides handing over."""
        return self._rules.talk

    @property
    def agents(self) -> tuple[SwarmAgent[DepsT], ...]:
        """The agents themselves, in the same order."""
        return tuple(self._agents.values())

    def add(self, agents: Sequence[SwarmAgent[DepsT]]) -> None:
        """Add agents; see `LightSwarm.register_agent`."""
        with self._lock:
            registered = dict(self._agents)
            for agent in agents:
                given: object = agent
                if not isinstance(given, LightAgent):
                    raise ConfigurationError(
                        f"LightSwarm: expected agents, got {type(given).__name__}.",
                        guidance="Pass LightAgent objects one by one: register_agent(first, second).",
                    )
                if registered.setdefault(agent.name, agent) is not agent:
                    raise ConfigurationError(
                        f"LightSwarm: another agent is called {agent.name!r:.80}.",
                        guidance="Give each a name of its own.",
                    )
            check_crew(self._crew(registered, self._handoffs), registered.keys() - self._agents.keys())
            self._agents = registered
            self._rules.talk.names[:] = registered

    def add_handoffs(self, handoffs: Sequence[HandoffSettings[DepsT]]) -> None:
        """Add handoffs; see `LightSwarm.register_handoff`."""
        with self._lock:
            for handoff in handoffs:
                given: object = handoff
                if not isinstance(given, HandoffSettings):
                    raise ConfigurationError(
                        f"LightSwarm: expected handoffs, got {type(given).__name__}.", guidance="Pass Handoff objects."
                    )
                for agent in (handoff.agent, *(handoff.sources or ())):
                    self._require(agent)
            known = (*self._handoffs, *handoffs)
            check_crew(self._crew(self._agents, known), self._agents.keys())
            self._handoffs, self._composed = known, ((), {})

    def means_of(self, agent: SwarmAgent[DepsT]) -> Means[DepsT]:
        """What an agent is within the swarm; made anew where one was given more tools since.

        Raises:
            ConfigurationError: it is not registered.
        """
        self._require(agent)
        with self._lock:
            means = tuple(one.means for one in self._agents.values())
            known, composed = self._composed
            if len(known) != len(means) or any(one is not other for one, other in zip(known, means, strict=True)):
                composed = compose_swarm(self._crew(self._agents, self._handoffs))
                self._composed = means, composed
            return composed[agent.name]

    def _require(self, agent: object) -> None:
        """Raise unless an agent is registered.

        Raises:
            ConfigurationError: it is not.
        """
        if not isinstance(agent, LightAgent):
            raise ConfigurationError(
                f"LightSwarm: expected an agent, got {type(agent).__name__}.",
                guidance="Pass the LightAgent object that was registered, not its name, and then the query.",
            )
        if self._agents.get(agent.name) is not agent:
            raise ConfigurationError(
                f"LightSwarm: the agent {agent.name!r:.80} is not registered.",
                guidance=f"Call register_agent first. Registered: {', '.join(self._agents) or 'none'}.",
            )

    def _crew(self, agents: Mapping[str, SwarmAgent[DepsT]], handoffs: Sequence[HandoffSettings[DepsT]]) -> Crew[DepsT]:
        return Crew([agent.means for agent in agents.values()], handoffs, self._rules)
