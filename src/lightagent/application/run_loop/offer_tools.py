"""Decides which tools the next request offers, and puts on record which were selected."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from lightagent.application.active_run.active_run import ActiveRun
from lightagent.application.active_run.tools import Listing
from lightagent.application.tool_selection.select_tools import Choice, Found, ToolSelector
from lightagent.application.tools.deps import DepsT
from lightagent.application.tools.foreign_tool import declared
from lightagent.domain.conversation.messages import AssistantMessage, UserMessage
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.runs.state import Run
from lightagent.domain.tools.choice import chosen_tools
from lightagent.domain.tools.selection import OfferedTool, ToolsSelected, as_offered

_MOST_CALLED: Final = 16
"""Tools that a conversation has called which are offered again; the last ones."""


async def offer_tools(live: ActiveRun[DepsT]) -> tuple[tuple[str, ...], ToolsSelected | None]:
    """The names of the tools that the next request offers, and the event for the record if one is needed.

    Nothing is recorded here. A source that has changed is listed again: a removed tool is not offered any more,
    and a new one is offered if its source says so, unless the agent selects its tools.

    Raises:
        ConfigurationError: two tools have the same name, or a tool that is always offered is missing.
        LightAgentError: a source cannot be listed.
    """
    run, before = live.run, live.tools.listed
    listed = await live.tools.list(live.acting, run, in_time=live.in_time)
    tools = listed.tools.tools
    if run.offered is None:
        if listed.selector is None:
            return listed.tools.initial, None
        if run.selected is None:
            return await _select(live, listed, listed.selector)
        return tuple(name for name in run.selected if name in tools), None
    names = run.offered + run.hidden
    if run.own_tools:  # A run that is resumed may lack some of those that were selected.
        names = tuple(name for name in names if name in tools)
    if before is not None and before.tools is not listed.tools:
        initial = listed.tools.initial if listed.selector is None else await _always(listed, listed.selector)
        came = (name for name in initial if name not in before.tools.tools and name not in names)
        names = (*(name for name in names if name in tools), *came)
    return names, await _declared(live, listed, names)


async def _declared(live: ActiveRun[DepsT], listed: Listing[DepsT], names: tuple[str, ...]) -> ToolsSelected | None:
    """The event that declares those which came without a search, in a run that selects its tools."""
    known = live.run.own_tools
    if not known or {tool.name for tool in known}.issuperset(names):
        return None
    return ToolsSelected(names, await _declarations(listed, names, known), at=live.clock.now())


async def _select(
    live: ActiveRun[DepsT], listed: Listing[DepsT], selector: ToolSelector[DepsT]
) -> tuple[tuple[str, ...], ToolsSelected]:
    """What an agent offers at its first request: what it did before, what it always does, and what fits the query."""
    run = live.run
    kept = tuple(tool for tool in live.tools.declared(run) if tool.name in listed.tools.tools)
    fixed = _with_called(live, listed, await _always(listed, selector), selector.options.most)
    found = await selector.find(_query(run), listed.pool, live.origin(), in_time=live.in_time)
    choice, stay = await _taken(listed, selector, found, kept, fixed)
    if kept and (choice.is_cut or choice.is_over):  # A new set is better than a turn without the tools that it needs.
        choice, stay = await _taken(listed, selector, found, (), fixed)
    names = (*(tool.name for tool in stay), *choice.names)
    declarations = tuple(tool for tool in stay if tool not in run.own_tools)
    event = ToolsSelected(
        names,
        (*declarations, *await _declarations(listed, choice.names, stay)),
        choice.candidates,
        choice.searched,
        choice.rankers,
        choice.tokens,
        choice.errors,
        live.clock.now(),
    )
    return names, event


async def _taken(
    listed: Listing[DepsT],
    selector: ToolSelector[DepsT],
    found: Found,
    kept: tuple[OfferedTool, ...],
    fixed: tuple[str, ...],
) -> tuple[Choice, tuple[OfferedTool, ...]]:
    """The tools that are added for the query, and those that are offered besides."""
    stay = (*kept, *await _declarations(listed, fixed, kept))
    besides = [tool.applied_to(declared(listed.tools.tools[tool.name], tool.name)) for tool in stay]
    return selector.take(found, besides), stay


async def _declarations(
    listed: Listing[DepsT], names: Iterable[str], known: tuple[OfferedTool, ...]
) -> tuple[OfferedTool, ...]:
    """The declarations, as of now, of the tools that have none on record yet."""
    has = {tool.name for tool in known}
    lacking = tuple(name for name in names if name not in has)
    await listed.tools.describe(lacking)
    return tuple(as_offered(declared(listed.tools.tools[name], name)) for name in lacking)


async def _always(listed: Listing[DepsT], selector: ToolSelector[DepsT]) -> tuple[str, ...]:
    """The tools that are always offered: those that the options name, the search, the framework's and the run's own.

    Raises:
        ConfigurationError: the options name a tool that does not exist.
    """
    unknown = [name for name in selector.options.always if name not in listed.tools.tools]
    if unknown:
        raise ConfigurationError(
            f"tool_selection: {unknown[0]!r:.100} is always to be offered, but is not among the tools.",
            guidance="Name tools as the model calls them.",
        )
    own = (name for name in listed.tools.initial if name not in listed.pool.tools)
    return tuple(dict.fromkeys((*selector.options.always, *await selector.framework_tools(listed.pool), *own)))


def _with_called(live: ActiveRun[DepsT], listed: Listing[DepsT], always: tuple[str, ...], most: int) -> tuple[str, ...]:
    """What is always offered, the tools that the request names, and the tools called last if there is room."""
    run, initial = live.run, frozenset(listed.tools.initial)
    fixed = dict.fromkeys((*always, *(name for name in chosen_tools(run.head.params) if name in initial)))
    most = min(_MOST_CALLED, most - len(fixed))
    called: dict[str, None] = {}
    for message in reversed(run.messages):
        if len(called) >= most:
            break
        if isinstance(message, AssistantMessage):
            names = dict.fromkeys(call.name for call in message.tool_calls if call.name in initial)
            new = [name for name in names if name not in fixed and name not in called]
            called |= dict.fromkeys(new[-(most - len(called)) :])
    return (*fixed, *called)


def _query(run: Run) -> str:
    """The query; if that was replaced by a summary, the last message of the user."""
    query = run.query
    if isinstance(query, UserMessage):
        return query.text
    said = (message.text for message in reversed(run.messages) if isinstance(message, UserMessage))
    return next(said, "")
