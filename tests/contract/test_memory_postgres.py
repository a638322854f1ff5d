"""The certificate of the store of memories in PostgreSQL, in a hybrid search; without vectors it is in tests/heavy."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from lightagent.testing.contracts.memory_store import MemoryStoreContract
from tests.servers.postgres import PostgresServer


class TestPostgres(MemoryStoreContract):
    kind = "postgres"
    steps = 150
    url: str

    @pytest.fixture(autouse=True)
    def server(self, postgres: PostgresServer) -> None:
        self.url = postgres.url

    def prepare(self, place: Path) -> Mapping[str, object]:
        schema = f"memory {sha256(str(place).encode()).hexdigest()[:20]}"
        return {"url": self.url, "schema_name": schema, "embedder": {"kind": "hashing", "dimension": 64}}
