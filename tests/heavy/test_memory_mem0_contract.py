"""The certificate of the store of memories in mem0, with a model endpoint of our own."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from lightagent.testing.contracts.memory_store import MemoryStoreContract
from tests.support.embedding_endpoint import EmbeddingServer, embedding_server


@pytest.fixture(scope="module")
def endpoint() -> Iterator[EmbeddingServer]:
    with embedding_server() as server:
        yield server


@pytest.mark.openai
@pytest.mark.timeout(300)
class TestMem0(MemoryStoreContract):
    kind = "mem0"
    # A request to the endpoint and a transaction of Qdrant's local mode for each memory.
    crowd = 200
    steps = 100
    base_url: str

    @pytest.fixture(autouse=True)
    def server(self, endpoint: EmbeddingServer) -> None:
        endpoint.reset()
        self.base_url = endpoint.base_url

    def prepare(self, place: Path) -> Mapping[str, object]:
        endpoint = {"base_url": self.base_url, "api_key": "secret", "embedding_model": "words", "dimension": 64}
        return {"path": str(place / "mem0"), **endpoint}
