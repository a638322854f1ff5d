"""The terms of texts for stores that index them, made off the event loop where that takes a while."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from lightagent.adapters.stemming import english_stemmer
from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.text.search import WeighedTerms, WeightedText, memory_terms, weigh

_AT_ONCE: Final = 4_000
"""Characters that are read where the event loop runs, which takes about a millisecond; more go to a thread."""

MOST_QUERY_TERMS: Final = 64
"""Terms of a query that are looked up, the rarest ones: a query may be a whole document."""


def batches(records: Sequence[MemoryRecord], most: int, characters: int) -> Iterator[Sequence[MemoryRecord]]:
    """The records in parts of at most `most`, and of about as many characters as are told.

    Of several with one owner and id, the first counts, in one call as in two.
    """
    new: dict[tuple[MemoryOwner, str], MemoryRecord] = {}
    for record in records:
        new.setdefault((record.owner, record.memory_id), record)
    batch: list[MemoryRecord] = []
    size = 0
    for record in new.values():
        if batch and (len(batch) >= most or size + len(record.text) > characters):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += len(record.text)
    if batch:
        yield batch


async def document_terms(texts: Sequence[str]) -> list[WeighedTerms]:
    """What each text is found by."""
    if sum(map(len, texts)) <= _AT_ONCE:
        return _weighed(texts)
    return await run_in_thread(_weighed, texts)


async def query_terms(text: str) -> list[str]:
    """The terms of a query, each once."""
    if len(text) <= _AT_ONCE:
        return _distinct(text)
    return await run_in_thread(_distinct, text)


def _weighed(texts: Sequence[str]) -> list[WeighedTerms]:
    return [weigh([WeightedText(text, 1.0)], _terms) for text in texts]


def _terms(text: str) -> list[str]:
    return memory_terms(text, english_stemmer())


def _distinct(text: str) -> list[str]:
    return list(dict.fromkeys(_terms(text)))
