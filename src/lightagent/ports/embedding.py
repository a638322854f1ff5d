"""The port to embedders: what makes vectors of texts, so that near ones mean something alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from lightagent.domain.agent_heads import ModelEndpoint
from lightagent.domain.vectors import TextRole, Vector


@runtime_checkable
class Embedder(Protocol):
    """Makes vectors of texts. Serves any number of callers at once, from any event loop, and blocks none of them."""

    @property
    def name(self) -> str:
        """Names the space: vectors are only comparable, and may only be kept, under the same name."""
        ...

    @property
    def dimension(self) -> int | None:
        """How many numbers a vector has; None: not known before the first answer."""
        ...

    @property
    def max_batch(self) -> int:
        """The most texts of one call."""
        ...

    async def embed(self, texts: Sequence[str], role: TextRole = "document") -> Sequence[Vector]:
        """The vector of each text, in their order; of what is longer than the model takes, the beginning counts.

        It takes `max_batch` texts at most, tries nothing again, and raises `ProviderError` where a service fails.
        """
        ...

    async def aclose(self) -> None:
        """Give back connections and the like; a later call opens them again."""
        ...


@runtime_checkable
class ServedEmbedder(Protocol):
    """An embedder that tells which model makes its vectors, and where that is served, beside what every one does."""

    @property
    def model(self) -> str:
        """The name of the model, as its provider knows it."""
        ...

    @property
    def endpoint(self) -> ModelEndpoint:
        """Its provider, and the address and port of its server."""
        ...


def embedder_facts(embedder: Embedder, texts: Sequence[str]) -> Mapping[str, str | int | None]:
    """What telemetry tells of a request for the vectors of texts: names and counts, never the texts."""
    facts: dict[str, str | int | None] = {
        "name": embedder.name,
        "dimension": embedder.dimension,
        "count": len(texts),
    }
    # A custom embedder may have attributes with these names and another meaning.
    model: object = getattr(embedder, "model", None)
    where: object = getattr(embedder, "endpoint", None)
    if isinstance(model, str) and isinstance(where, ModelEndpoint):
        facts |= {"name": model, "provider": where.provider, "address": where.address, "port": where.port}
    return facts
