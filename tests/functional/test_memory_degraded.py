"""A half of a hybrid search that fails: the other one answers, and says what is lacking."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from lightagent.adapters.memory._space import QUERY_SECONDS, TEXT_SECONDS
from lightagent.adapters.memory.qdrant import QdrantMemory
from lightagent.adapters.memory.sqlite import SqliteMemory
from lightagent.domain.errors import StoreError
from lightagent.domain.memory.policy import MemoryPolicy
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import FoundMemory
from lightagent.domain.text.vectors import TextRole, Vector
from lightagent.ports.memory import MemoryStore, failed_parts
from tests.support.memory_parts import ANN, FailingEmbedder, memory
from tests.support.quick_folders import quick_folder

NOW = RecallFilter(1000.0)


class RaisingEmbedder(FailingEmbedder):
    """Fails with an error of its own, which quotes the text, and gives vectors of another size."""

    error: Exception | None = None
    is_short = False
    hangs = False

    async def embed(self, texts: Sequence[str], role: TextRole = "document") -> list[Vector]:
        if self.hangs:
            await asyncio.sleep(3600)
        if self.error is not None:
            raise self.error
        vectors = await super().embed(texts, role)
        return [vector[:3] for vector in vectors] if self.is_short else vectors


@pytest.fixture
def embedder() -> RaisingEmbedder:
    return RaisingEmbedder(64)


@pytest.fixture(params=["sqlite", "qdrant", "qdrant edge"])
def store(request: pytest.FixtureRequest, tmp_path: Path, embedder: RaisingEmbedder) -> Iterator[MemoryStore]:
    if request.param == "sqlite":
        yield SqliteMemory(tmp_path / "memory.db", embedder=embedder)
        return
    pytest.importorskip("qdrant_client", reason="the environment of openai 2 has no qdrant-client")
    with quick_folder() as folder:
        yield QdrantMemory(path=folder / "q", embedder=embedder, engine="edge" if "edge" in request.param else "local")


def parts(found: Sequence[FoundMemory]) -> list[tuple[str, str]]:
    return [(one.part, one.kind) for one in failed_parts(found)]


async def test_without_its_embedder_a_search_goes_by_words(
    store: MemoryStore, embedder: RaisingEmbedder, caplog: pytest.LogCaptureFixture
) -> None:
    await store.write([memory()])
    assert parts(await store.recall(ANN, "green tea", 5, NOW)) == []
    for error in (OSError("CANARY"), RuntimeError("CANARY"), ValueError("CANARY"), TimeoutError("CANARY")):
        embedder.error = error
        found = await store.recall(ANN, "green tea", 5, NOW)
        assert [one.text for one in found] == ["I like green tea."]
        assert parts(found) == [("meaning", type(error).__name__)]
    embedder.error, embedder.is_short = None, True
    assert parts(await store.recall(ANN, "green tea", 5, NOW)) == [("meaning", "StoreError")]
    embedder.is_short, embedder.works = False, False
    assert parts(await store.recall(ANN, "green tea", 5, NOW)) == [("meaning", "ProviderError")]
    embedder.works = True
    assert parts(await store.recall(ANN, "green tea", 5, NOW)) == []
    assert "CANARY" not in caplog.text
    await store.aclose()


async def test_an_embedder_that_does_not_answer_costs_no_memory_and_leaves_the_words(
    store: MemoryStore, embedder: RaisingEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("QUERY_SECONDS", "TEXT_SECONDS"):
        monkeypatch.setattr(f"lightagent.adapters.memory._space.{name}", 0.05)
    await store.write([memory()])
    embedder.hangs = True
    async with asyncio.timeout(30):
        await store.write([memory("m2", "I like black tea.")])
        found = await store.recall(ANN, "black tea", 5, NOW)
    assert found[0].text == "I like black tea."
    assert parts(found) == [("meaning", "TimeIsUp")]
    await store.aclose()


async def test_what_is_written_while_an_embedder_raises_anything_is_found_by_its_words(
    store: MemoryStore, embedder: RaisingEmbedder
) -> None:
    await store.write([memory()])
    for place, error in enumerate((OSError("down"), RuntimeError("broken"), KeyError("data"))):
        embedder.error = error
        await store.write([memory(f"n{place}", f"I like tea of sort{place}.")])
        embedder.error = None
        found = await store.recall(ANN, f"sort{place}", 5, NOW)
        assert f"I like tea of sort{place}." in [one.text for one in found]
    await store.aclose()


def test_a_search_waits_for_its_embedder_less_than_a_run_waits_for_the_search() -> None:
    assert MemoryPolicy().recall_timeout > QUERY_SECONDS
    assert MemoryPolicy().write_timeout > TEXT_SECONDS


@pytest.mark.parametrize(
    ("damage", "part"),
    [("UPDATE vectors SET vector = x'00'", "meaning"), ("DELETE FROM found_by_data", "words")],
)
async def test_a_damaged_half_of_a_file_leaves_the_other(
    tmp_path: Path, embedder: RaisingEmbedder, damage: str, part: str
) -> None:
    path = tmp_path / "memory.db"
    store = SqliteMemory(path, embedder=embedder)
    await store.write([memory()])
    await store.aclose()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(damage)
    found = await store.recall(ANN, "green tea", 5, NOW)
    assert [one.text for one in found] == ["I like green tea."]
    assert [name for name, _ in parts(found)] == [part]
    if part == "meaning":
        await store.reindex()
        assert parts(await store.recall(ANN, "green tea", 5, NOW)) == []
    else:
        embedder.works = False
        with pytest.raises(StoreError):
            await store.recall(ANN, "green tea", 5, NOW)
    await store.aclose()


async def test_a_half_that_qdrant_cannot_search_leaves_the_other(
    embedder: RaisingEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("qdrant_edge", reason="the environment of openai 2 has no qdrant-client")
    from lightagent.adapters.memory.qdrant.edge import EdgeEngine
    from lightagent.adapters.memory.qdrant.points import Question

    search = EdgeEngine.nearest

    async def without_vectors(engine: EdgeEngine, question: Question) -> list[Mapping[str, object]]:
        if question.meaning is not None:
            raise StoreError("The index of vectors is damaged.", guidance="")
        return await search(engine, question)

    with quick_folder() as folder:
        store = QdrantMemory(path=folder / "q", embedder=embedder, engine="edge")
        await store.write([memory()])
        assert parts(await store.recall(ANN, "green tea", 5, NOW)) == []
        monkeypatch.setattr(EdgeEngine, "nearest", without_vectors)
        found = await store.recall(ANN, "green tea", 5, NOW)
        assert [one.text for one in found] == ["I like green tea."]
        assert parts(found) == [("meaning", "StoreError")]
        await store.aclose()
