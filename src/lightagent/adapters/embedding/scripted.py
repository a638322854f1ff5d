"""Embedder `scripted`: gives the vectors that it was told, and fails as it was told: for tests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Final

from pydantic import BaseModel, ConfigDict, Field

from lightagent.adapters.embedding.hashing import HashingEmbedder
from lightagent.adapters.registry import Adapter
from lightagent.domain.errors import ConfigurationError
from lightagent.domain.vectors import TextRole, Vector, unit_vector
from lightagent.ports.embedding import Embedder

DIMENSION: Final = 64


class ScriptedEmbedder(Embedder):
    """Gives each text the vector it was told for it, and others one of their words. Safe to share between threads.

    Args:
        vectors: vectors by text, all of one dimension.
        fail: called before each answer with its texts; what it raises, the embedder raises.
        max_batch: texts of one call.

    Raises:
        ConfigurationError: the vectors are of several dimensions.
    """

    def __init__(
        self,
        vectors: Mapping[str, Sequence[float]] | None = None,
        fail: Callable[[Sequence[str]], None] | None = None,
        *,
        max_batch: int = 16,
    ) -> None:
        self._told = {text: unit_vector(values) for text, values in (vectors or {}).items()}
        dimensions = {len(vector) for vector in self._told.values()}
        if len(dimensions) > 1:
            raise ConfigurationError(
                f"vectors: they have {', '.join(map(str, sorted(dimensions)))} numbers.", guidance="Give all as many."
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
        """What it was asked, call by call, those that failed among them."""
        with self._lock:
            return tuple(self._asked)

    async def embed(self, texts: Sequence[str], role: TextRole = "document") -> list[Vector]:
        with self._lock:
            self._asked.append((role, tuple(texts)))
        if self._fail is not None:
            self._fail(texts)
        others = await self._others.embed(texts)
        return [self._told.get(text, other) for text, other in zip(texts, others, strict=True)]

    async def aclose(self) -> None:
        """It holds nothing."""


class ScriptedOptions(BaseModel):
    """Options of the kind `scripted`."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    vectors: dict[str, list[float]] = Field(default_factory=dict, description="vectors by text")


ADAPTER = Adapter(ScriptedOptions, lambda options: ScriptedEmbedder(options.vectors))
