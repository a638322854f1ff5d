"""The certificates of the store of memories in Qdrant."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from lightagent.testing.contracts.memory_store import MemoryStoreContract
from tests.servers.qdrant import fake_qdrant

IN_MEMORY = Path("/dev/shm")


class TestFolder(MemoryStoreContract):
    """The local mode of the client, which looks at every point for each question and writes each one to disk alone."""

    kind = "qdrant"
    crowd = 200
    steps = 60

    @pytest.fixture(autouse=True)
    def folder(self) -> Iterator[None]:
        """A folder that waits for no disk, since no test takes the power away."""
        with tempfile.TemporaryDirectory(dir=IN_MEMORY if os.access(IN_MEMORY, os.W_OK) else None) as folder:
            self.place = folder
            yield

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {"path": f"{self.place}/{sha256(str(place).encode()).hexdigest()[:20]}"}


class TestEdge(TestFolder):
    """The engine of the server in this process."""

    crowd = 2000
    steps = 300

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {**super().prepare(place), "engine": "edge"}


class TestEdgeWithVectors(TestEdge):
    """A hybrid search."""

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {**super().prepare(place), "embedder": {"kind": "hashing", "dimension": 64}}


class TestServer(MemoryStoreContract):
    """Over REST: a server that stands for Qdrant, or the one of QDRANT_URL."""

    kind = "qdrant"
    crowd = 200
    steps = 60

    @pytest.fixture(autouse=True)
    def server(self) -> Iterator[None]:
        if url := os.environ.get("QDRANT_URL"):
            self.url = url
            yield
            return
        with fake_qdrant() as server:
            self.url = server.url
            yield

    def prepare(self, place: Path) -> Mapping[str, object]:
        collection = f"memory_{sha256(str(place).encode()).hexdigest()[:20]}"
        return {"url": self.url, "collection": collection, "api_key": os.environ.get("QDRANT_API_KEY", "")}


class TestServerWithVectors(TestServer):
    """A hybrid search."""

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {**super().prepare(place), "embedder": {"kind": "hashing", "dimension": 64}}
