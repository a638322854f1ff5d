"""The plain model behind an agent, for what chat interfaces ask for themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeVar

from lightagent.agent import LightAgent
from lightagent.application.tools.catalogue import Catalogue
from lightagent.domain.agent_heads import lasting_name

AgentT = TypeVar("AgentT")

UNNAMED: Final = "agent"
"""The model that an agent without a name is."""

UTILITY: Final = "utility"
"""The model under which it is listed, for interfaces that can be told which model their own requests go to."""


def with_name(agent: AgentT, name: str) -> AgentT:
    """The agent itself where it has a name; one that was given none has this one.

    The name that is made up for an agent is another in each process: clients could not name it, nor runs go on.
    """
    if not isinstance(agent, LightAgent) or lasting_name(agent.name):
        return agent
    return agent.made_of(replace(agent.means, name=name))


def plain_agent(agent: object) -> LightAgent | None:
    """The same model behind the same policies and budgets, and nothing else: no tools, memory, sessions or plans.

    Policies stay, so that nobody gets past them by a question that looks like one of an interface.
    """
    if not isinstance(agent, LightAgent):
        return None
    means = replace(
        agent.means,
        catalogue=Catalogue(()),
        selector=None,
        instructions="",
        role="",
        output=None,
        sources={},
        skills=None,
        conclusions={},
        compactor=None,
        history=None,
        sessions=None,
        desks=(),
        planning=None,
        handoffs=(),
        handoff_limits=None,
        mail=None,
    )
    return agent.made_of(means)
