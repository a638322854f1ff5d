"""How the tools of an agent are selected where there are many."""

from __future__ import annotations

from dataclasses import replace

from lightagent.adapters.stemming import english_stemmer
from lightagent.application.rank_by_words import WordRanker
from lightagent.application.select_tools import ToolSelector
from lightagent.application.tools.toolset import DepsT
from lightagent.options import AgentOptions
from lightagent.ports.context_budget import ContextBudget
from lightagent.ports.tool_ranker import ToolRanker
from lightagent.ports.tool_selection import DEFAULT_SELECTION, ToolSelection


def compose_selector(options: AgentOptions, budget: ContextBudget | None) -> ToolSelector[DepsT] | None:
    """The selector; None for an agent that offers all its tools, however many."""
    chosen = options.get("tool_selection")
    if chosen is False:
        return None
    if chosen is True:
        chosen = replace(DEFAULT_SELECTION, threshold=0)
    selection = DEFAULT_SELECTION if chosen is None else chosen
    window = None if budget is None else budget.max_tokens
    return ToolSelector(selection, compose_rankers, options.get("capabilities"), window)


def selector_for(selection: ToolSelection) -> ToolSelector[object]:
    """A selector outside of an agent, such as for a command."""
    return ToolSelector(selection, compose_rankers)


def compose_rankers(selection: ToolSelection) -> tuple[ToolRanker, ...]:
    """All rankers that a selection asks: the words of the declarations, and what it was given besides."""
    return (WordRanker(english_stemmer()), *selection.rankers)
