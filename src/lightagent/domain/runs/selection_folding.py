"""The fold of which tools a run is offered, where they are selected from many."""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from lightagent.domain.conversation.call_forms import resolve_called_name
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.runs.effects import DeclareTools, OfferTools
from lightagent.domain.runs.state import Run
from lightagent.domain.tools.selection import SEARCH_TOOL, ToolsSelected, joined_tools


def select_tools(run: Run, event: ToolsSelected) -> Run:
    """The run after tools were selected for its next request.

    Raises:
        ConfigurationError: it is not the model's turn, or the event offers a tool that nothing declares.
    """
    if run.calls or run.last_reply is not None or run.request is not None or not run.admitted:
        raise ConfigurationError("tools_selected: it is not the model's turn.")
    run = _declare(run, event)
    known = {tool.name for tool in run.own_tools}
    lacking = [name for name in event.names if name not in known]
    if lacking or len(set(event.names)) != len(event.names):
        raise ConfigurationError(
            f"tools_selected: {lacking[:1] or event.names!r:.100} is not declared, or named twice."
        )
    return run._replace(selected=event.names)


def offer_found(run: Run, effect: DeclareTools) -> Run:
    """The run after a search found tools, which come behind those that are offered."""
    return offer_more(_declare(run, effect), effect.names)


def offer_more(run: Run, names: tuple[str, ...]) -> Run:
    """The run after a tool had others offered."""
    if run.offered is None:
        return run
    known = (*run.offered, *run.hidden)
    more = run.offered + tuple(name for name in dict.fromkeys(names) if name not in known)
    planned = run.plan_tools
    if planned is not None:  # What comes by a tool is offered whatever the plan says.
        planned = tuple(dict.fromkeys((*planned, *names)))
    return run._replace(offered=more, plan_tools=planned)


def names_to_offer(run: Run) -> tuple[str, ...]:
    """The names of the tools that the calls which are done will have offered, once their round is over."""
    effects = (effect for call in run.calls.values() for effect in call.effects)
    return tuple(name for effect in effects if isinstance(effect, (OfferTools, DeclareTools)) for name in effect.names)


MISSING_TOOLS: Final = "missing_tools"
"""The detail of an error that names the tools which a run was begun with, and which are not there to go on with it."""


def lacking_tools(run: Run, there: Container[str]) -> tuple[str, ...]:
    """Return the tools that no longer exist and without which an interrupted run cannot be resumed.

    A tool that was selected from many is dropped from the offer once it is gone, and the run continues; unless a call
    waits for it, or none of them is left, which means that this is another agent.
    """
    offered = run.offered or ()
    gone = tuple(name for name in offered if name not in there)
    selected = {tool.name for tool in run.own_tools}
    if not selected.issuperset(gone) or len(gone) == len(offered):
        return gone
    wanted = {resolve_called_name(call.call.name, offered) for call in run.calls.values() if call.status != "done"}
    return tuple(name for name in gone if name in wanted and name != SEARCH_TOOL)


def _declare(run: Run, event: ToolsSelected | DeclareTools) -> Run:
    """What was declared stays as it is: of two searches of one round, both may have found the same tool."""
    if not event.tools:
        return run
    own = joined_tools(run.own_tools, event.tools)
    return run._replace(declared={**run.declared, run.head.name: own})
