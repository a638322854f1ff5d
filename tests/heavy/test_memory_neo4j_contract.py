"""The certificate of the store of memories in Neo4j, against a real server."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from lightagent.testing.contracts.memory_store import MemoryStoreContract
from tests.servers.neo4j import Neo4jServer


@pytest.mark.needs("java", "maven", "neo4j")
@pytest.mark.timeout(300)
class TestNeo4j(MemoryStoreContract):
    kind = "neo4j"
    url: str

    @pytest.fixture(autouse=True)
    def server(self, neo4j: Neo4jServer) -> None:
        self.url = neo4j.url

    def prepare(self, place: Path) -> Mapping[str, object]:
        collection = sha256(str(place).encode()).hexdigest()[:20]
        return {"url": self.url, "collection": collection, "connection_timeout": 60.0, "statement_timeout": 120.0}
