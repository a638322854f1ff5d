"""What tests of stores of memories share: a memory, and an embedder that fails when it is told to."""

from __future__ import annotations

from collections.abc import Sequence

from lightagent.adapters.embedding.hashing import HashingEmbedder
from lightagent.domain.errors import ProviderError
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.text.vectors import TextRole, Vector

ANN = MemoryOwner("bank", "acme", "ann")


def memory(name: str = "m1", text: str = "I like green tea.", owner: MemoryOwner = ANN) -> MemoryRecord:
    """A memory of the user."""
    return MemoryRecord(name, owner, text, {"source": "user"}, 1.0)


class FailingEmbedder(HashingEmbedder):
    """Works until it is told not to."""

    works = True

    async def embed(self, texts: Sequence[str], role: TextRole = "document") -> list[Vector]:
        if not self.works:
            raise ProviderError("The service is down.", guidance="Wait.")
        return await super().embed(texts, role)
