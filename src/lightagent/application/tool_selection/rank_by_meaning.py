"""Ranks tools by what their declarations mean: by how near their vectors are to that of the query."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.application.tool_selection.vector_cache import VectorCache
from lightagent.domain.errors import ProviderError
from lightagent.domain.text.vectors import Vector, VectorTable
from lightagent.domain.tools.ranking import RankedTool
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.tool_ranker import ToolRanker

MakeTable: TypeAlias = Callable[[Sequence[Vector]], VectorTable]
"""Makes a table of vectors; the composer knows whether there is a fast one."""

_MOST_QUERY: Final = 4_000
_MOST_NAME: Final = 200
_MOST_DESCRIPTION: Final = 2_000
_MOST_PARAMETERS: Final = 32
"""Characters and names that are read: models take a few hundred words, of which the first say most."""

_PARTS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[_\-./]+")


class MeaningRanker(ToolRanker):
    """Finds tools whose declaration means what a query asks for, also in other words.

    An embedder that is down, or slow, costs a selection no more than some seconds, and none while it is left alone.

    Args:
        vectors: of an embedder; those of tools are made once.
        make_table: makes a table of them.
    """

    def __init__(self, vectors: VectorCache, make_table: MakeTable) -> None:
        self._vectors = vectors
        self._make_table = make_table
        self._known: tuple[tuple[ToolSpec, ...], int, VectorTable] | None = None

    @property
    def name(self) -> str:
        return "meaning"

    async def rank(self, query: str, tools: tuple[ToolSpec, ...], limit: int) -> Sequence[RankedTool]:
        if not tools or not query.strip():
            return []
        dimension, table = await self._table(tools)
        vector = await self._vectors.query(query[:_MOST_QUERY])
        if len(vector) != dimension:
            raise ProviderError(
                f"The embedder gave a vector of {len(vector)} numbers for the query and of {dimension} for tools.",
                code="LA-500",
                retryable=False,
            )
        found = await run_in_thread(table.nearest, vector, limit)
        # A text that says nothing has a vector without a direction, to which all tools would be as near.
        return [RankedTool(tools[one.place].name, one.similarity) for one in found if one.similarity > 0]

    async def _table(self, tools: tuple[ToolSpec, ...]) -> tuple[int, VectorTable]:
        """The table of the tools that were asked about last is kept."""
        known = self._known
        if known is None or known[0] is not tools:
            texts = await run_in_thread(_texts, tools)
            vectors = await self._vectors.documents(texts)
            known = self._known = tools, len(vectors[0]), await run_in_thread(self._make_table, vectors)
        return known[1], known[2]


def tool_text(spec: ToolSpec) -> str:
    """What is made a vector of: the tool's name in words, its description, and the names of its parameters."""
    name = spec.name[:_MOST_NAME]
    told = [f"{_PARTS.sub(' ', name)}: {spec.description[:_MOST_DESCRIPTION]}"]
    properties = spec.parameters.get("properties")
    if isinstance(properties, dict):
        names = [parameter[:_MOST_NAME] for parameter in list(properties)[:_MOST_PARAMETERS]]
        told.append(", ".join(_PARTS.sub(" ", parameter) for parameter in names))
    return " ".join(told)


def _texts(tools: Sequence[ToolSpec]) -> list[str]:
    return [tool_text(tool) for tool in tools]
