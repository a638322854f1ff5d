"""The certificates of the journal stores."""

from collections.abc import Mapping
from pathlib import Path

from lightagent.testing.contracts.journal_store import JournalStoreContract


class TestMemory(JournalStoreContract):
    kind = "memory"
    durable = False

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {}


class TestSqlite(JournalStoreContract):
    kind = "sqlite"

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {"path": str(place / "journals.db")}


class TestFiles(JournalStoreContract):
    kind = "files"

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {"directory": str(place / "journals")}
