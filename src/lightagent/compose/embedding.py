"""What an agent does with an embedder."""

from __future__ import annotations

from collections.abc import Iterator

from lightagent.adapters.numpy_vectors import make_table
from lightagent.application.rank_by_meaning import MeaningRanker
from lightagent.compose.ports import check_port
from lightagent.options import AgentOptions
from lightagent.ports.system import Clock
from lightagent.ports.tool_ranker import ToolRanker


def meaning_rankers(options: AgentOptions, clock: Clock) -> Iterator[ToolRanker]:
    """The ranker by meaning, where the agent has an embedder.

    Raises:
        ConfigurationError: it is none.
    """
    embedder = check_port(options.get("embedder"), "embedder", "embed", "aclose")
    if embedder is not None:
        yield MeaningRanker(embedder, clock, make_table)
