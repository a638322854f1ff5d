"""Ranks tools by the words of their declarations: BM25 over names, descriptions, parameters and their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from lightagent.aiokits.loop_locks import LoopLocks
from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.domain.text.search import Stem, TextIndex, WeighedTerms, term_reader, terms_of, weigh
from lightagent.domain.tools.ranking import RankedTool
from lightagent.domain.tools.search_texts import tool_texts
from lightagent.domain.tools.spec import ToolSpec
from lightagent.ports.tool_ranker import ToolRanker

_MOST_QUERY: Final = 20_000
"""Characters of a query that are read."""

_MOST_AT_ONCE: Final = 500
"""Characters of a query that are read where the event loop runs; more go to a thread."""


@dataclass(frozen=True, slots=True)
class _Indexed:
    """The index of some tools, with what each of them is found by."""

    tools: tuple[ToolSpec, ...]
    documents: Mapping[str, tuple[ToolSpec, WeighedTerms]]
    index: TextIndex


class WordRanker(ToolRanker):
    """Knows the index of the tools that it was asked about last. Only what has changed of them is read again.

    Args:
        stem: gives the stem of a word.
    """

    def __init__(self, stem: Stem) -> None:
        self._stem = stem
        self._known: _Indexed | None = None
        self._locks = LoopLocks()

    @property
    def name(self) -> str:
        return "lexical"

    async def rank(self, query: str, tools: tuple[ToolSpec, ...], limit: int) -> Sequence[RankedTool]:
        known = self._known
        if known is None or known.tools is not tools:
            async with self._locks.here():  # Runs that need the index at the same time have it made once.
                known = self._known
                if known is None or known.tools is not tools:
                    known = self._known = await run_in_thread(_indexed, tools, known, self._stem)
        terms = await self._terms(query[:_MOST_QUERY])
        return [RankedTool(tools[match.place].name, match.score) for match in known.index.rank(terms, limit)]

    async def _terms(self, query: str) -> Sequence[str]:
        """What is searched for. Words that were never met take a tenth of a millisecond each."""
        if len(query) <= _MOST_AT_ONCE:
            return terms_of(query, self._stem, numbers=False)
        return await run_in_thread(terms_of, query, self._stem, numbers=False)


def _indexed(tools: tuple[ToolSpec, ...], before: _Indexed | None, stem: Stem) -> _Indexed:
    past = {} if before is None else before.documents
    read = term_reader(stem, numbers=False)
    documents: dict[str, tuple[ToolSpec, WeighedTerms]] = {}
    for tool in tools:
        known = past.get(tool.name)
        if known is None or (known[0] is not tool and known[0] != tool):
            known = tool, weigh(tool_texts(tool), read)
        documents[tool.name] = known
    return _Indexed(tools, documents, TextIndex([documents[tool.name][1] for tool in tools]))
