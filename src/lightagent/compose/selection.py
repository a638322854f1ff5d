"""How the tools of an agent are selected where there are many."""

from __future__ import annotations

from dataclasses import replace

from lightagent.adapters.stemming import english_stemmer
from lightagent.application.rank_by_words import WordRanker
from lightagent.application.select_tools import ToolSelector
from lightagent.application.tools.toolset import DepsT
from lightagent.domain.errors import ConfigurationError
from lightagent.options import AgentOptions
from lightagent.ports.context_budget import ContextBudget
from lightagent.ports.tool_ranker import ToolRanker
from lightagent.ports.tool_selection import ToolSelection


def compose_selector(options: AgentOptions, budget: ContextBudget | None) -> ToolSelector[DepsT] | None:
    """The selector; None for an agent that offers all its tools, however many.

    Raises:
        ConfigurationError: `tool_selection` is something else than a `ToolSelection`, True or False.
    """
    chosen = options.get("tool_selection")
    if chosen is False:
        return None
    if chosen is True:
        chosen = replace(ToolSelection(), threshold=0)
    selection: object = ToolSelection() if chosen is None else chosen
    if not isinstance(selection, ToolSelection):
        raise ConfigurationError(
            f"tool_selection: expected a ToolSelection, True or False, got {type(selection).__name__}."
        )
    tokens = selection.tokens if budget is None else min(selection.tokens, max(budget.max_tokens // 4, 1))
    return ToolSelector(selection, compose_rankers(selection), options.get("capabilities"), tokens)


def compose_rankers(selection: ToolSelection) -> tuple[ToolRanker, ...]:
    """All rankers that a selection asks: the words of the declarations, and what it was given besides."""
    return (WordRanker(english_stemmer()), *selection.rankers)
