"""The port to embedders, which turn texts into vectors: texts of similar meaning get vectors that are close."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from lightagent.domain.runs.agents import ModelEndpoint
from lightagent.domain.text.vectors import TextRole, Vector


@runtime_checkable
class Embedder(Protocol):
    """Turns texts into vectors. Serves any number of callers at once, from any event loop, without blocking them."""

    @property
    def name(self) -> str:
        """The name of the vector space: only vectors of the same name are comparable and may be stored together."""
        ...

    @property
    def dimension(self) -> int | None:
        """The number of dimensions; None if it is unknown before the first answer."""
        ...

    @property
    def max_batch(self) -> int:
        """The most texts of one call."""
        ...

    async def embed(self, texts: Sequence[str], role: TextRole = "document") -> Sequence[Vector]:
        """Return the vector of each text, in their order; texts that are too long for the model are truncated.

        It takes at most `max_batch` texts, never retries, and raises `ProviderError` if a service fails.
        """
        ...

    async def aclose(self) -> None:
        """Release connections and other resources; a later call opens them again."""
        ...


@runtime_checkable
class ServedEmbedder(Protocol):
    """An embedder that also knows its model and the endpoint that serves it."""

    @property
    def model(self) -> str:
        """The name of the model, as its provider knows it."""
        ...

    @property
    def endpoint(self) -> ModelEndpoint:
        """The provider, and the address and port of the server."""
        ...


def embedder_facts(embedder: Embedder, texts: Sequence[str]) -> Mapping[str, str | int | None]:
    """Return the facts about an embedding request for telemetry: names and counts, never the texts."""
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
