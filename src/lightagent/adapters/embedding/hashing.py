"""Embedder `hashing`: counts of words and of their parts, hashed into a vector. No model, no package, no network.

It finds texts that share words or parts of words, and knows nothing of what they mean: for tests, for dry runs, and
where texts only have to be told apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import sqrt
from typing import ClassVar, Final
from zlib import crc32

from pydantic import BaseModel, ConfigDict, Field

from lightagent.adapters.registry import Adapter
from lightagent.aiokits.worker_threads import run_in_thread
from lightagent.domain.text.vectors import TextRole, Vector, unit_vector
from lightagent.ports.embedding import Embedder

DIMENSION: Final = 512

_WORD: Final = re.compile(r"[^\W\d_]+|\d+")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_PART: Final = 3
_PART_WEIGHT: Final = 0.25
_LONGEST_WORD: Final = 64
_MOST_CHARS: Final = 100_000
"""The characters of a text that are read."""

_AT_ONCE: Final = 2_000
"""Up to so many characters are hashed in the event loop, which takes a millisecond; more in a thread."""


class HashingEmbedder(Embedder):
    """Makes vectors by signed feature hashing (Weinberger et al., 2009): each word, and each three letters of it, add
    to one place of the vector, with a sign that the hash decides, so that collisions cancel out.

    Args:
        dimension: how many numbers a vector has; with fewer, more words fall on one place.
    """

    def __init__(self, dimension: int = DIMENSION) -> None:
        self._dimension = dimension

    @property
    def name(self) -> str:
        return f"hashing:1:{self._dimension}"

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def max_batch(self) -> int:
        return 256

    async def embed(self, texts: Sequence[str], role: TextRole = "document") -> list[Vector]:
        if sum(map(len, texts)) <= _AT_ONCE:
            return self._vectors(texts)
        return await run_in_thread(self._vectors, texts)

    async def aclose(self) -> None:
        """There is nothing to close."""

    def _vectors(self, texts: Sequence[str]) -> list[Vector]:
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> Vector:
        counts: dict[str, int] = {}
        for word in _words(text[:_MOST_CHARS]):
            counts[word] = counts.get(word, 0) + 1
        values = [0.0] * self._dimension
        for word, count in counts.items():
            # Repeated words count less.
            weight = sqrt(count)
            for hashed, share in _features(word):
                values[(hashed >> 1) % self._dimension] += share * weight if hashed & 1 else -share * weight
        return unit_vector(values)


def _words(text: str) -> Iterator[str]:
    for match in _WORD.finditer(_CAMEL.sub(" ", text)):
        yield match[0][:_LONGEST_WORD].lower()


@lru_cache(maxsize=8192)
def _features(word: str) -> tuple[tuple[int, float], ...]:
    """Yield the hashes of a word and of its parts, with their weights."""
    framed = f"#{word}#"
    parts = {framed[place : place + _PART] for place in range(len(framed) - _PART + 1)}
    hashed = ((_hash(part), _PART_WEIGHT) for part in sorted(parts))
    return (_hash(word), 1.0), *hashed


def _hash(feature: str) -> int:
    return crc32(feature.encode("utf-8", "replace"))


class HashingOptions(BaseModel):
    """Options of the kind `hashing`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    dimension: int = Field(DIMENSION, ge=16, le=65_536, description="how many numbers a vector has")


ADAPTER = Adapter(HashingOptions, lambda options: HashingEmbedder(options.dimension))
