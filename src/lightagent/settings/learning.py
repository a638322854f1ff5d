"""What else the settings must name where agents learn from their runs, so that nothing is learned in vain."""

from __future__ import annotations

from collections.abc import Iterator

from lightagent.settings.origins import Problem
from lightagent.settings.schema import Settings


def learning_problems(settings: Settings, *, named: bool = False) -> Iterator[Problem]:
    """Each thing without which what is learned would be lost with the process.

    Args:
        named: whether the agent has a name of its own, whatever the settings say.
    """
    if not settings.self_learning.enabled:
        return
    place = settings.provenance.place(("self_learning", "enabled"))
    if settings.journals is None:
        remedy = 'Add [default.journals] with kind = "sqlite" and path = "journals.db".'
        yield Problem(place, "Nothing says where candidates for lessons are kept.", remedy)
    if settings.memory is None:
        remedy = 'Add [default.memory] with kind = "sqlite" and path = "memory.db".'
        yield Problem(place, "Nothing says where lessons are kept.", remedy)
    if settings.agent.name is None and not named:
        remedy = 'Add [default.agent] with name = "…".'
        yield Problem(place, "The agent has no name of its own, and its lessons belong to its name.", remedy)
