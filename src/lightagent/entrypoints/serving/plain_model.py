"""The plain model behind an agent, for requests that chat interfaces make on their own account, such as for titles."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeVar

from lightagent.agent import LightAgent
from lightagent.application.tools.catalogue import Catalogue
from lightagent.domain.runs.agents import lasting_name

AgentT = TypeVar("AgentT")

UNNAMED: Final = "agent"
"""The model name of an agent without a name."""

UTILITY: Final = "utility"
"""The name under which the plain model is listed, for interfaces that can be configured to use it."""


def with_name(agent: AgentT, name: str) -> AgentT:
    """Return the agent unchanged if it was given a name, else a copy with this name.

    Generated names differ between processes, so clients could not rely on them, and runs could not be resumed.
    """
    if not isinstance(agent, LightAgent) or lasting_name(agent.name):
        return agent
    return agent.made_of(replace(agent.means, name=name))


def plain_agent(agent: object) -> LightAgent | None:
    """Return an agent with the same model, policies and budgets, but without tools, memory, sessions or plans.

    The policies are kept, so that users cannot bypass them with a message that resembles an interface's own request.
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
