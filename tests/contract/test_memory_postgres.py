"""The certificates of the store of memories in PostgreSQL, by words alone and with vectors."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from lightagent.testing.contracts.memory_store import MemoryStoreContract
from tests.servers.postgres import PostgresServer


class TestPostgres(MemoryStoreContract):
    kind = "postgres"
    url: str

    @pytest.fixture(autouse=True)
    def server(self, postgres: PostgresServer) -> None:
        self.url = postgres.url

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {"url": self.url, "schema_name": f"memory {sha256(str(place).encode()).hexdigest()[:20]}"}


class TestPostgresWithVectors(TestPostgres):
    """A hybrid search."""

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {**super().prepare(place), "embedder": {"kind": "hashing", "dimension": 64}}
