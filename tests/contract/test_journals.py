"""The certificates of the journal stores."""

from collections.abc import Mapping
from math import ceil
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


KEYS = {"spring": "0123456789abcdef0123456789abcdef"}


class TestSealedMemory(JournalStoreContract):
    kind = "sealed"
    durable = False

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {"store": {"kind": "memory"}, "name": "tests", "keys": KEYS}


class TestSealedMemoryWithHeads(JournalStoreContract):
    kind = "sealed"
    durable = False

    def prepare(self, place: Path) -> Mapping[str, object]:
        heads = {"kind": "store", "store": {"kind": "memory"}}
        return {"store": {"kind": "memory"}, "name": "tests", "keys": KEYS, "heads": heads}


class TestSealedSqlite(JournalStoreContract):
    kind = "sealed"

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {"store": {"kind": "sqlite", "path": str(place / "journals.db")}, "name": "tests", "keys": KEYS}


class TestSealedSqliteWithHeadsInFiles(JournalStoreContract):
    kind = "sealed"

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {
            "store": {"kind": "sqlite", "path": str(place / "journals.db")},
            "name": "tests",
            "keys": KEYS,
            "heads": {"kind": "files", "path": str(place / "heads"), "fsync": False},
        }


class TestSealedSqliteWithHeadsInAStore(JournalStoreContract):
    kind = "sealed"

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {
            "store": {"kind": "sqlite", "path": str(place / "journals.db")},
            "name": "tests",
            "keys": KEYS,
            "heads": {"kind": "store", "store": {"kind": "sqlite", "path": str(place / "heads.db")}},
        }


class TestFiles(JournalStoreContract):
    kind = "files"

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {"directory": str(place / "journals")}


class TestSealedFiles(JournalStoreContract):
    kind = "sealed"

    def prepare(self, place: Path) -> Mapping[str, object]:
        store = {"kind": "files", "directory": str(place / "journals")}
        heads = {"kind": "files", "path": str(place / "heads"), "fsync": False}
        return {"store": store, "name": "tests", "keys": KEYS, "heads": heads}


class EncryptedContract(JournalStoreContract):
    """A store whose content is encrypted: a nonce of 12 bytes, a tag of 16, base64, and what tells the key."""

    def kept_size(self, content: str) -> int:
        return len('{"aes256gcm":"spring.12345678."}') + ceil((len(content.encode()) + 28) * 4 / 3)


class TestEncryptedSqlite(EncryptedContract):
    kind = "encrypted"

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {"store": {"kind": "sqlite", "path": str(place / "journals.db")}, "keys": KEYS}


class TestEncryptedAndSealedFiles(EncryptedContract):
    kind = "encrypted"

    def prepare(self, place: Path) -> Mapping[str, object]:
        files = {"kind": "files", "directory": str(place / "journals")}
        heads = {"kind": "files", "path": str(place / "heads"), "fsync": False}
        return {
            "store": {"kind": "sealed", "store": files, "name": "tests", "keys": KEYS, "heads": heads},
            "keys": KEYS,
        }
