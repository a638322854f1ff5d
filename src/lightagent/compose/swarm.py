"""Agents as a swarm has them: each can hand a run over to each of the others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Generic, get_args

from lightagent.application.hand_off import HandoffTool, check_handoff_names
from lightagent.application.handoff_settings import HandoffSettings
from lightagent.application.means import Means
from lightagent.application.tools.catalogue import Catalogue
from lightagent.application.tools.toolset import DepsT
from lightagent.compose.swarm_talk import Talk, as_asked, compose_talk, talking_tools
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.handoffs import EVERYTHING, HandoffLimits, HandoffText, HistoryTransfer, NextTurn
from lightagent.options import SwarmOptions


@dataclass(frozen=True, slots=True)
class SwarmRules:
    """What holds for all agents of a swarm; see `SwarmOptions`."""

    limits: HandoffLimits = field(default_factory=HandoffLimits)
    history: HistoryTransfer = EVERYTHING
    handoff_text: HandoffText = "show"
    next_turn: NextTurn = "last"
    talk: Talk = field(default_factory=Talk)


_OF_TALK: Final = ("consult", "mail")
_KINDS: Final[Mapping[str, type]] = {"limits": HandoffLimits, "history": HistoryTransfer}
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {"handoff_text": get_args(HandoffText), "next_turn": get_args(NextTurn)}


def compose_rules(options: SwarmOptions) -> SwarmRules:
    """The rules that a user has typed.

    Raises:
        ConfigurationError: there is no such option, or it is something else.
    """
    talk = compose_talk(options.get("consult"), options.get("mail"))
    given: Mapping[str, object] = {
        name: value for name, value in options.items() if value is not None and name not in _OF_TALK
    }
    for name, value in given.items():
        if name in _KINDS and not isinstance(value, _KINDS[name]):
            kind = _KINDS[name].__name__
            raise ConfigurationError(f"{name} must be {kind}, got {type(value).__name__}.", guidance="")
        if name in _WORDS and value not in _WORDS[name]:
            known = ", ".join(map(repr, _WORDS[name]))
            raise ConfigurationError(f"{name} must be one of {known}, got {value!r:.80}.", guidance="")
        if name not in _KINDS and name not in _WORDS:
            raise ConfigurationError(f"LightSwarm has no option {name!r:.80}.", guidance="")
    return SwarmRules(
        options.get("limits") or HandoffLimits(),
        options.get("history") or EVERYTHING,
        options.get("handoff_text") or "show",
        options.get("next_turn") or "last",
        talk,
    )


@dataclass(frozen=True, slots=True)
class Crew(Generic[DepsT]):
    """What a swarm is made of: its agents, how they hand over where that was said, and the rules for all."""

    agents: Sequence[Means[DepsT]]
    handoffs: Sequence[HandoffSettings[DepsT]]
    rules: SwarmRules


def compose_swarm(crew: Crew[DepsT]) -> Mapping[str, Means[DepsT]]:
    """The means of each agent within the swarm, by its name.

    Raises:
        ConfigurationError: the names of two agents cannot be told apart, an agent has a tool that is called like a
            handoff, or handoffs of its own.
    """
    check_handoff_names(agent.name for agent in crew.agents)
    rules = crew.rules
    # Each member names all of them, itself included, so the list is filled once they are made.
    members: list[Means[DepsT]] = []
    asked: dict[str, Means[DepsT]] = {}
    for agent in crew.agents:
        if agent.handoffs:
            raise ConfigurationError(
                f"LightSwarm: {agent.name} has handoffs of its own.",
                guidance="Register the agents that it hands over to, and make it without handoffs=.",
            )
        talking = talking_tools(agent, crew.agents, asked, rules.talk)
        own = (*agent.catalogue.own.values(), *_handoffs(agent, crew), *talking)
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
    asked.update((member.name, as_asked(member)) for member in members)
    return {member.name: member for member in members}


def _handoffs(agent: Means[DepsT], crew: Crew[DepsT]) -> Iterator[HandoffTool[DepsT]]:
    """The tools with which an agent hands over to each of the others.

    Raises:
        ConfigurationError: one is called like another tool of the agent.
    """
    taken: dict[str, str] = {}
    for other in crew.agents:
        if other.name == agent.name:
            continue
        settings = _settings(agent.name, other.name, crew.handoffs)
        tool = HandoffTool(other, agent.prompts, settings, crew.rules.history)
        name = tool.spec.name
        if name in agent.catalogue.own:
            raise ConfigurationError(
                f"LightSwarm: {agent.name} has a tool {name}, which is how it hands over to {other.name}.",
                guidance="Rename the tool.",
            )
        if name in taken:
            raise ConfigurationError(
                f"LightSwarm: {agent.name} would hand over to {taken[name]} and to {other.name} by one tool {name}.",
                guidance="Give the handoffs another tool_name.",
            )
        taken[name] = other.name
        yield tool


def _settings(source: str, target: str, handoffs: Sequence[HandoffSettings[DepsT]]) -> HandoffSettings[DepsT] | None:
    """How one agent hands over to another; None: as agents do by default.

    Raises:
        ConfigurationError: it was said twice.
    """
    found = [handoff for handoff in handoffs if handoff.serves(source, target)]
    if len(found) > 1:
        raise ConfigurationError(
            f"LightSwarm: two handoffs say how {source!r:.80} hands over to {target!r:.80}.",
            guidance="Pass sources= to each of them.",
        )
    return found[0] if found else None
