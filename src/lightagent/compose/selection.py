"""How the tools of an agent are selected where there are many."""

from __future__ import annotations

from dataclasses import replace

from lightagent.adapters.numpy_vectors import make_table
from lightagent.adapters.stemming import english_stemmer
from lightagent.adapters.system import SystemClock
from lightagent.application.rank_by_meaning import MeaningRanker
from lightagent.application.rank_by_words import WordRanker
from lightagent.application.select_tools import ToolSelector
from lightagent.application.tools.toolset import DepsT
from lightagent.compose.ports import check_port
from lightagent.domain.errors import ConfigurationError
from lightagent.options import AgentOptions
from lightagent.ports.context_budget import ContextBudget
from lightagent.ports.embedding import Embedder
from lightagent.ports.system import Clock
from lightagent.ports.tool_ranker import ToolRanker
from lightagent.ports.tool_selection import ToolSelection


def compose_selector(options: AgentOptions, budget: ContextBudget | None, clock: Clock) -> ToolSelector[DepsT] | None:
    """The selector; None for an agent that offers all its tools, however many.

    Raises:
        ConfigurationError: `tool_selection` is something else than a `ToolSelection`, True or False; or `embedder` is
            no embedder.
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
    rankers = compose_rankers(selection, compose_embedder(options.get("embedder")), clock)
    return ToolSelector(selection, rankers, options.get("capabilities"), tokens)


def compose_rankers(
    selection: ToolSelection, embedder: Embedder | None = None, clock: Clock | None = None
) -> tuple[ToolRanker, ...]:
    """All rankers that a selection asks: the words of the declarations, their meaning, and what it was given besides.

    Args:
        embedder: what tells meanings; without one, nothing does.
    """
    by_meaning = () if embedder is None else (MeaningRanker(embedder, clock or SystemClock(), make_table),)
    return (WordRanker(english_stemmer()), *by_meaning, *selection.rankers)


def compose_embedder(given: Embedder | None) -> Embedder | None:
    """The embedder, if it is one.

    Raises:
        ConfigurationError: it lacks a method.
    """
    return check_port(given, "embedder", "embed", "aclose")
