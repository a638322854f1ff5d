"""What stores of memories take from an embedder: vectors of one size, of finite numbers."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import pytest

from lightagent.adapters.embedding.hashing import HashingEmbedder
from lightagent.adapters.memory._space import Space, embedded
from lightagent.domain.errors import StoreError
from lightagent.domain.text.vectors import TextRole, Vector


class TellingEmbedder(HashingEmbedder):
    """Makes the vectors that it is given."""

    def __init__(self, vector: Vector) -> None:
        super().__init__(len(vector))
        self.vector = vector

    async def embed(self, texts: Sequence[str], role: TextRole = "document") -> list[Vector]:
        return [self.vector for _ in texts]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf")])
async def test_a_vector_with_a_number_that_is_not_finite_is_refused(number: float) -> None:
    embedder = TellingEmbedder(array("f", [1.0, number]))
    with pytest.raises(StoreError, match="not finite"):
        await embedded(embedder, ["tea"], "query", Space(embedder.name, 2))


async def test_numbers_of_twice_the_size_are_brought_to_the_usual_one() -> None:
    embedder = TellingEmbedder(array("d", [0.5, 0.25]))
    assert await embedded(embedder, ["tea"], "query", Space(embedder.name, 2)) == [array("f", [0.5, 0.25])]
    assert (await embedded(embedder, ["tea"], "query", Space(embedder.name, 2)))[0].typecode == "f"
