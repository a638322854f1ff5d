"""How runs are presented to clients, according to the settings and the agent."""

from __future__ import annotations

from lightagent.agent import LightAgent
from lightagent.application.serving.run_view import ChatView
from lightagent.entrypoints.serving.catalogue import ServedAgent
from lightagent.settings.sections.serve import ServeSettings


def view_of(settings: ServeSettings, *, usage: bool = False) -> ChatView:
    """Return the view of runs that these settings define.

    Args:
        usage: a stream of chunks ends with the token usage.
    """
    return ChatView(
        settings.tools_shown, settings.reasoning, usage, settings.chat_approvals, settings.console_url or ""
    )


def answer_seconds(agent: ServedAgent) -> float | None:
    """Return how many seconds calls of this agent wait for a person: the shortest timeout of its review desks."""
    desks = agent.means.desks if isinstance(agent, LightAgent) else ()
    return min((desk.timeout for desk in desks if desk.timeout is not None), default=None)
