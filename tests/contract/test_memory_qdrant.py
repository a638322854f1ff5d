"""The certificates of the store of memories in Qdrant, in a folder; servers are in tests/heavy."""

from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path

import pytest

from lightagent.testing.contracts.memory_store import MemoryStoreContract
from tests.support.quick_folders import quick_folder


class TestFolder(MemoryStoreContract):
    """The local mode of the client, which looks at every point for each question."""

    kind = "qdrant"
    crowd = 100
    steps = 30

    @pytest.fixture(autouse=True)
    def folder(self) -> Iterator[None]:
        with quick_folder() as folder:
            self.place = folder
            yield

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {"path": str(self.place / sha256(str(place).encode()).hexdigest()[:20])}


class TestEdge(TestFolder):
    """The engine of the server in this process, in a hybrid search."""

    crowd = 2000
    steps = 150

    def prepare(self, place: Path) -> Mapping[str, object]:
        return {**super().prepare(place), "engine": "edge", "embedder": {"kind": "hashing", "dimension": 64}}
