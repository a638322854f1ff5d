"""The space of a store's vectors: which embedder made them, and of how many numbers they are."""

from __future__ import annotations

import logging
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Final

from lightagent.adapters.registry import open_nested
from lightagent.aiokits.abandon import within
from lightagent.aiokits.observed_work import observe
from lightagent.domain.errors import ConfigurationError, LightAgentError, StoreError
from lightagent.domain.json_types import JsonObject
from lightagent.domain.text.vectors import TextRole, Vector
from lightagent.ports.embedding import Embedder, embedder_facts
from lightagent.ports.memory import FailedPart

_LOGGER: Final = logging.getLogger("lightagent")

EMBEDDER_FAILURES: Final = (LightAgentError, OSError, ArithmeticError, LookupError, RuntimeError, TypeError, ValueError)
"""What embedders raise, also those of other packages. A search whose embedder fails goes on by words."""

QUERY_SECONDS: Final = 4.0
"""How long a search waits for its embedder: less than the `recall_timeout` of policies, so that there are the words."""

TEXT_SECONDS: Final = 20.0
"""How long what is written waits for one call of the embedder: less than the `write_timeout`."""
_REINDEX: Final = (
    "Open it with the embedder that it was written with, or bring it over with `lightagent memory reindex`."
)


@dataclass(frozen=True, slots=True)
class Space:
    """Vectors of one space can be compared.

    Attributes:
        embedder: the name of the embedder; empty for a store without vectors.
        dimension: numbers of a vector; 0 where that is not known yet, or there are none.
    """

    embedder: str = ""
    dimension: int = 0

    def __str__(self) -> str:
        if not self.embedder:
            return "no embedder"
        return f"the embedder {self.embedder!r:.200}" + (f" ({self.dimension} numbers)" if self.dimension else "")

    def check_against(self, kept: Space, place: str, guidance: str = _REINDEX) -> None:
        """Raise `ConfigurationError` unless vectors of this space may be kept where those of another are.

        Args:
            guidance: what to do then.
        """
        same_size = not (self.dimension and kept.dimension) or self.dimension == kept.dimension
        if self.embedder == kept.embedder and same_size:
            return
        raise ConfigurationError(
            f"{place} was written with {kept}, and is now opened with {self}. Their vectors cannot be compared.",
            guidance=guidance,
        )


async def space_of(embedder: Embedder | None, seconds: float | None = None) -> Space:
    """The space of an embedder, which is asked for a vector where it does not know its size.

    Args:
        seconds: how long it may take; None: as long as it likes.
    """
    if embedder is None:
        return Space()
    dimension = embedder.dimension
    if dimension is None:
        dimension = len((await _embed(embedder, ["size"], "document", seconds))[0])
    return Space(embedder.name, dimension)


async def embedded(
    embedder: Embedder, texts: Sequence[str], role: TextRole, space: Space, seconds: float | None = None
) -> list[Vector]:
    """The vector of each text.

    Args:
        seconds: how long each call of the embedder may take; None for no limit.

    Raises:
        StoreError: their dimension differs from that of the stored vectors, or a value is not a finite number.
        ProviderError: the embedder failed.
        TimeoutError: it took too long.
    """
    vectors: list[Vector] = []
    most = max(1, embedder.max_batch)
    for start in range(0, len(texts), most):
        batch = texts[start : start + most]
        with observe("embeddings", embedder_facts(embedder, batch)):
            made = await _embed(embedder, batch, role, seconds)
        # An embedder of another package may give lists, or 64-bit numbers.
        vectors.extend(array("f", one) for one in made)
    if len(vectors) != len(texts) or any(len(vector) != space.dimension for vector in vectors):
        raise StoreError(
            f"The embedder {space.embedder!r:.200} gave vectors of another size or number than expected.",
            guidance=f"Each text needs one of {space.dimension} numbers.",
        )
    if not all(isfinite(sum(vector)) for vector in vectors):
        raise StoreError(
            f"The embedder {space.embedder!r:.200} gave a vector with a number that is not finite; it says nothing.",
            guidance="Look for what is wrong with the model, such as 16-bit numbers that overflow.",
        )
    return vectors


async def _embed(embedder: Embedder, texts: Sequence[str], role: TextRole, seconds: float | None) -> Sequence[Vector]:
    async def ask() -> Sequence[Vector]:
        return await embedder.embed(texts, role)

    return await (ask() if seconds is None else within(seconds, ask()))


async def embedded_if_it_works(
    embedder: Embedder | None, texts: Sequence[str], space: Space, place: str
) -> Sequence[Vector | None]:
    """Return the vector of each text of a memory; None for each without an embedder, or if it fails, which is logged.

    Memories without a vector are found by their words until they are indexed again.

    Raises:
        StoreError: their dimension differs from that of the stored vectors, or a value is not a finite number.
        ConfigurationError: the embedder cannot work as it is set up.
    """
    if embedder is None:
        return [None] * len(texts)
    try:
        return await embedded(embedder, texts, "document", space, TEXT_SECONDS)
    except (ConfigurationError, StoreError):
        raise
    except EMBEDDER_FAILURES as exc:
        warn_of(exc, "document", place)
        return [None] * len(texts)


async def query_vector(
    embedder: Embedder | None, query: str, space: Space, place: str
) -> tuple[Vector | None, tuple[FailedPart, ...]]:
    """The vector of a query, and the part of the search that fails where the embedder does, which the log says too.

    The search goes on by words then, whatever the embedder raised. None without an embedder, where nothing fails.

    Raises:
        ConfigurationError: the embedder cannot work as it is set up.
    """
    if embedder is None:
        return None, ()
    try:
        (vector,) = await embedded(embedder, [query], "query", space, QUERY_SECONDS)
    except ConfigurationError:
        raise
    except EMBEDDER_FAILURES as exc:
        return None, without_meaning(exc, place)
    return vector, ()


def without_meaning(error: Exception, place: str) -> tuple[FailedPart, ...]:
    """What a search lacks whose embedder failed, which the log says too."""
    warn_of(error, "query", place)
    return (FailedPart("meaning", type(error).__name__),)


def warn_of(error: Exception, role: TextRole, place: str) -> None:
    """Have the log say that an embedder failed."""
    lost = "Memories are written without vectors" if role == "document" else "Memories are found by their words"
    # What a foreign embedder says may quote the text.
    said = error if isinstance(error, LightAgentError) else type(error).__name__
    _LOGGER.warning("%s: %s: the embedder failed: %s", lost, place, said)


def open_embedder(backend: JsonObject, at: str) -> Embedder:
    """The embedder of a kind with its options, which stand in the options of a store.

    Args:
        at: the dotted path in the settings, for error texts.

    Raises:
        ConfigurationError: the kind is unknown or is not an embedder, or its options are wrong.
    """
    embedder = open_nested("embedding", backend, at=at, example="hashing")
    if not isinstance(embedder, Embedder):
        raise ConfigurationError(
            f"{at}.kind: {backend['kind']!r} opened a {type(embedder).__name__}, which is not an Embedder."
        )
    return embedder
