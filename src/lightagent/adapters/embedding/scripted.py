"""Embedder `scripted`: returns prepared vectors or errors, for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from lightagent.adapters.embedding.hashing import HashingEmbedder
from lightagent.adapters.registry import Adapter
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.text.vectors import TextRole, Vector, unit_vector
from lightagent.ports.embedding import Embedder

DIMENSION: Final = 64


class ScriptedEmbedder(Embedder):
    """Returns the prepared vector of a text, or else one hashed from its words. Safe to share between threads.

    Args:
        vectors: vectors by text, all of one dimension.
        fail: called with the texts of each call; an exception that it raises is that of the embedder.
        max_batch: texts of one call.

    Raises:
        ConfigurationError: the vectors have different dimensions.
    """

    def __init__(
        self,
        vectors: Mapping[str, Sequence[float]] | None = None,
        fail: Callable[[Sequence[str]], None] | None = None,
        *,
        max_batch: int = 16,
    ) -> None:
        self._vectors = {text: unit_vector(values) for text, values in (vectors or {}).items()}
        dimensions = {len(vector) for vector in self._vectors.values()}
        if len(dimensions) > 1:
            raise ConfigurationError(
                f"All vectors must have the same dimension, got {', '.join(map(str, sorted(dimensions)))}."
            )
        self._others = HashingEmbedder(next(iter(dimensions), DIMENSION))
        self._fail = fail
        self._max_batch = max_batch
        self._asked: list[tuple[TextRole, tuple[str, ...]]] = []
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return "scripted"

    @property
    def dimension(self) -> int:
        return self._others.dimension

    @property
    def max_batch(self) -> int:
        return self._max_batch

    @property
    def asked(self) -> tuple[tuple[TextRole, tuple[str, ...]], ...]:
        """The roles and texts of all calls, including those that failed."""
        with self._lock:
            return tuple(self._asked)

    async def embed(self, texts: Sequence[str], role: TextRole = "document") -> list[Vector]:
        with self._lock:
            self._asked.append((role, tuple(texts)))
        if self._fail is not None:
            self._fail(texts)
        others = await self._others.embed(texts)
        return [self._vectors.get(text, other) for text, other in zip(texts, others, strict=True)]

    async def aclose(self) -> None:
        """There is nothing to close."""


class ScriptedOptions(BaseModel):
    """Options of the kind `scripted`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    vectors: dict[str, list[float]] = Field(default_factory=dict, description="vectors by text")


ADAPTER = Adapter(ScriptedOptions, lambda options: ScriptedEmbedder(options.vectors))
