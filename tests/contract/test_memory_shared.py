"""The certificate of the pool that agents share."""

from collections.abc import Mapping
from pathlib import Path

from lightagent.testing.contracts.memory_store import MemoryStoreContract


class TestShared(MemoryStoreContract):
    kind = "shared"
    durable = False

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {}
