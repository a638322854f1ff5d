"""The certificate of the journal store for PostgreSQL."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from lightagent.testing.contracts.journal_store import JournalStoreContract
from tests.servers.postgres import PostgresServer


class TestPostgres(JournalStoreContract):
    kind = "postgres"
    url: str

    @pytest.fixture(autouse=True)
    def server(self, postgres: PostgresServer) -> None:
        self.url = postgres.url

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {"url": self.url, "schema_name": f"journals {sha256(str(place).encode()).hexdigest()[:20]}"}


class TestSealedPostgres(JournalStoreContract):
    kind = "sealed"
    url: str

    @pytest.fixture(autouse=True)
    def server(self, postgres: PostgresServer) -> None:
        self.url = postgres.url

    def prepare(self, place: Path) -> Mapping[str, object]:
        schema = f"sealed {sha256(str(place).encode()).hexdigest()[:20]}"
        store = {"kind": "postgres", "url": self.url, "schema_name": schema}
        return {"store": store, "name": "tests", "keys": {"spring": "s" * 32}}
