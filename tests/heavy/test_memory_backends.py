"""The certificates of stores of memories that take too long beside the others, and larger ones of all.

Servers: PostgreSQL without vectors, and Qdrant over REST: a server that stands for it, or the one of QDRANT_URL.
"""

import os
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from lightagent.testing.contracts.memory_store import MemoryStoreContract
from tests.contract.test_memory_postgres import TestPostgres as OfPostgres
from tests.contract.test_memory_qdrant import TestEdge as OfEdge
from tests.contract.test_memory_qdrant import TestFolder as OfFolder
from tests.servers.qdrant import fake_qdrant

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(1800)]

HYBRID = {"embedder": {"kind": "hashing", "dimension": 64}}
OPERATIONS = 2000
CROWD = int(os.environ.get("TEST_MEMORY_CROWD", "100000"))


class TestPostgresByWords(OfPostgres):
    """Without an embedder, and so without pgvector."""

    steps = OPERATIONS
    crowd = CROWD

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {**super().prepare(place), "embedder": None}


class TestPostgresInACrowd(OfPostgres):
    steps = OPERATIONS
    crowd = CROWD


class TestEdgeInACrowd(OfEdge):
    steps = OPERATIONS
    crowd = CROWD


class TestEdgeByWords(OfFolder):
    def prepare(self, place: Path) -> Mapping[str, object]:
        return {**super().prepare(place), "engine": "edge"}


class TestFolderWithVectors(OfFolder):
    steps = OPERATIONS
    crowd = 2000

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {**super().prepare(place), **HYBRID}


class TestServer(MemoryStoreContract):
    """By words alone."""

    kind = "qdrant"
    crowd = CROWD if "QDRANT_URL" in os.environ else 500
    steps = OPERATIONS if "QDRANT_URL" in os.environ else 300

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
        return {**super().prepare(place), **HYBRID}
