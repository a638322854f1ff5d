"""The certificates of the stores of memories."""

from collections.abc import Mapping
from pathlib import Path

from lightagent.testing.contracts.memory_store import MemoryStoreContract


class TestProcess(MemoryStoreContract):
    kind = "process"
    durable = False

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {}


class TestSqlite(MemoryStoreContract):
    kind = "sqlite"

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {"path": str(place / "memory.db")}


class TestSqliteWithVectors(MemoryStoreContract):
    kind = "sqlite"

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {"path": str(place / "memory.db"), "embedder": {"kind": "hashing", "dimension": 64}}


class TestSealed(MemoryStoreContract):
    kind = "sealed"
    crowd = 500
    steps = 150

    def prepare(self, place: Path) -> Mapping[str, object]:
        store = {"kind": "sqlite", "path": str(place / "memory.db")}
        return {"store": store, "name": "bank", "keys": {"k1": "k" * 40}}


class TestSealedAndRecorded(MemoryStoreContract):
    """Where each write and removal is on record as well."""

    kind = "sealed"
    crowd = 200
    steps = 40

    def prepare(self, place: Path) -> Mapping[str, object]:
        store = {"kind": "sqlite", "path": str(place / "memory.db")}
        journal = {"kind": "sqlite", "path": str(place / "journal.db")}
        return {"store": store, "name": "bank", "keys": {"k1": "k" * 40}, "journal": journal}
