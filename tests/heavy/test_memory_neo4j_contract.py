"""The certificate of the store of memories in Neo4j, against a real server."""

import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from lightagent.testing.contracts.memory_store import MemoryStoreContract
from tests.servers.neo4j import Neo4jServer


@pytest.mark.needs("java", "maven", "neo4j")
@pytest.mark.timeout(1800)
class TestNeo4j(MemoryStoreContract):
    kind = "neo4j"
    crowd = int(os.environ.get("TEST_MEMORY_CROWD", "2000"))
    steps = int(os.environ.get("TEST_MEMORY_STEPS", "300"))
    url: str

    @pytest.fixture(autouse=True)
    def server(self, neo4j: Neo4jServer) -> None:
        self.url = neo4j.url

    def prepare(self, place: Path) -> Mapping[str, object]:
        collection = sha256(str(place).encode()).hexdigest()[:20]
        return {"url": self.url, "collection": collection, "connection_timeout": 60.0, "statement_timeout": 120.0}


class TestNeo4jWithVectors(TestNeo4j):
    """The same with an embedder, whose vectors are searched as well."""

    kind = "neo4j"

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {**super().prepare(place), "embedder": {"kind": "hashing", "dimension": 64}}
