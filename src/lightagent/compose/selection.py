"""How the tools of an agent are selected if there are many."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Never

from lightagent.adapters.numpy_vectors import make_table
from lightagent.adapters.stemming import english_stemmer
from lightagent.adapters.system import SystemClock
from lightagent.application.agent_options.context_budget import ContextBudget
from lightagent.application.agent_options.tool_selection import DEFAULT_SELECTION, ToolSelection
from lightagent.application.tool_selection.rank_by_meaning import MeaningRanker
from lightagent.application.tool_selection.rank_by_words import WordRanker
from lightagent.application.tool_selection.select_tools import ToolSelector
from lightagent.application.tool_selection.vector_cache import VectorCache
from lightagent.application.tools.deps import DepsT
from lightagent.compose.check_ports import check_port
from lightagent.options import AgentOptions
from lightagent.ports.embedding import Embedder
from lightagent.ports.system import Clock
from lightagent.ports.tool_ranker import ToolRanker


def compose_selector(
    options: AgentOptions[Never], budget: ContextBudget | None, clock: Clock
) -> ToolSelector[DepsT] | None:
    """The selector; None for an agent that offers all its tools, however many.

    Raises:
        ConfigurationError: `embedder` is not an embedder.
    """
    embedder = options.get("embedder")
    if embedder is not None:
        check_port(
            embedder,
            "embedder",
            "embed",
            "aclose",
            remedy="Make one: from lightagent.adapters.embedding.openai import OpenAIEmbedder; "
            'embedder=OpenAIEmbedder("text-embedding-3-small").',
        )
    chosen = options.get("tool_selection")
    if chosen is False:
        return None
    if chosen is True:
        chosen = replace(DEFAULT_SELECTION, threshold=0)
    selection = DEFAULT_SELECTION if chosen is None else chosen
    window = None if budget is None else budget.max_tokens
    rankers = partial(compose_rankers, embedder=embedder, clock=clock)
    return ToolSelector(selection, rankers, options.get("capabilities"), window)


def selector_for(embedder: Embedder | None = None) -> ToolSelector[object]:
    """A selector outside of an agent, such as for a command."""
    return ToolSelector(DEFAULT_SELECTION, partial(compose_rankers, embedder=embedder))


def compose_rankers(
    selection: ToolSelection, embedder: Embedder | None = None, clock: Clock | None = None
) -> tuple[ToolRanker, ...]:
    """All rankers of a selection: by the words of the declarations, by their meaning, and any further ones.

    Args:
        embedder: compares meanings; without one, only words are compared.
    """
    by_meaning = () if embedder is None else (MeaningRanker(VectorCache(embedder, clock or SystemClock()), make_table),)
    return (WordRanker(english_stemmer()), *by_meaning, *selection.rankers)
