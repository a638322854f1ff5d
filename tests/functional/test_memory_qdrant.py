"""The store of memories in Qdrant: one process a folder, hostile folders, other embedders, and a server that fails."""

from __future__ import annotations

import asyncio
import json
import pickle
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal

import pytest

pytest.importorskip("qdrant_client", reason="the environment of openai 2 has no qdrant-client")

from qdrant_client import QdrantClient, models

from lightagent.adapters.embedding.hashing import HashingEmbedder
from lightagent.adapters.memory.qdrant import QdrantMemory
from lightagent.adapters.memory.qdrant.engine import Engine
from lightagent.adapters.memory.qdrant.local import LocalEngine
from lightagent.adapters.memory.qdrant.points import KEYWORDS, NUMBERS, WRITTEN, point_of
from lightagent.adapters.registry import open_adapter
from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import MemoryOwner, MemoryRecord
from lightagent.domain.text.search import weigh
from lightagent.ports.embedding import Embedder
from lightagent.ports.memory import OwnerSelection
from tests.servers.qdrant import FakeQdrant, fake_qdrant
from tests.support.memory_parts import FailingEmbedder, memory
from tests.support.quick_folders import quick_folder

ANN = MemoryOwner("bank", "acme", "ann")
BOB = MemoryOwner("bank", "acme", "bob")
NOW = RecallFilter(1000.0)
ENGINES: tuple[Literal["local", "edge"], ...] = ("local", "edge")
# The servers of these tests are on this machine.
pytestmark = pytest.mark.filterwarnings("ignore:Api key is used with an insecure connection")


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    with quick_folder() as folder:
        yield folder


@pytest.fixture
def server() -> Iterator[FakeQdrant]:
    with fake_qdrant("key-of-qdrant") as server:
        yield server


@pytest.mark.parametrize("engine", ENGINES)
async def test_memories_of_one_process_share_a_folder(tmp_path: Path, engine: Literal["local", "edge"]) -> None:
    one = QdrantMemory(path=tmp_path / "q", engine=engine)
    other = QdrantMemory(path=tmp_path / "x" / ".." / "q", engine=engine)
    await asyncio.gather(*(store.write([memory(f"m{number}")]) for number, store in enumerate((one, other))))
    await one.aclose()
    assert len(await other.recall(ANN, "tea", 5, NOW)) == 2
    await one.write([memory("m2")])
    await other.aclose()
    assert len(await one.recall(ANN, "tea", 5, NOW)) == 3
    await one.aclose()


@pytest.mark.parametrize("engine", ENGINES)
async def test_another_process_is_told_that_the_folder_is_in_use(
    tmp_path: Path, engine: Literal["local", "edge"]
) -> None:
    store = QdrantMemory(path=tmp_path, engine=engine)
    await store.write([memory()])
    program = f"""
import asyncio
from lightagent.adapters.memory.qdrant import QdrantMemory
from lightagent.adapters.memory.qdrant.engine import Engine
from lightagent.adapters.memory.qdrant.local import LocalEngine
from lightagent.ports.memory import OwnerSelection
store = QdrantMemory(path={str(tmp_path)!r}, engine={engine!r})
asyncio.run(store.read(OwnerSelection(), 1))
"""
    done = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "is in use by another process" in done.stderr
    assert len(await store.recall(ANN, "tea", 5, NOW)) == 1
    await store.aclose()


@pytest.mark.parametrize("engine", ENGINES)
async def test_another_embedder_is_refused_and_both_are_named(tmp_path: Path, engine: Literal["local", "edge"]) -> None:
    store = QdrantMemory(path=tmp_path, engine=engine, embedder=HashingEmbedder(32))
    await store.write([memory()])
    await store.aclose()
    for embedder in (HashingEmbedder(64), None):
        other = QdrantMemory(path=tmp_path, engine=engine, embedder=embedder)
        with pytest.raises(ConfigurationError, match=r"hashing:1:32.*(hashing:1:64|no embedder).*memory reindex"):
            await other.recall(ANN, "tea", 5, NOW)
        await other.aclose()
    again = QdrantMemory(path=tmp_path, engine=engine, embedder=HashingEmbedder(32))
    assert len(await again.recall(ANN, "tea", 5, NOW)) == 1
    await again.aclose()


@pytest.mark.parametrize("place", [*ENGINES, "server"])
async def test_reindexing_brings_memories_over_to_another_embedder(
    tmp_path: Path, server: FakeQdrant, place: Literal["local", "edge", "server"]
) -> None:
    def opens(embedder: Embedder | None) -> QdrantMemory:
        if place == "server":
            return QdrantMemory(server.url, api_key="key-of-qdrant", embedder=embedder)
        return QdrantMemory(path=tmp_path, engine=place, embedder=embedder)

    first = opens(HashingEmbedder(32))
    await first.write([memory(f"m{number}", f"I like tea {number}.") for number in range(100)])
    await first.aclose()
    for embedder in (HashingEmbedder(64), None, HashingEmbedder(16)):
        store = opens(embedder)
        assert await store.reindex() == 100
        found = await store.recall(ANN, "tea 98", 3, NOW)
        assert found[0].fields["memory_id"] == "m98"
        await store.write([memory("m99", "written before")])
        await store.aclose()
    other = opens(HashingEmbedder(32))
    with pytest.raises(ConfigurationError, match=r"hashing:1:16.*hashing:1:32"):
        await other.recall(ANN, "tea", 5, NOW)
    await other.aclose()


class OtherEmbedder(HashingEmbedder):
    """Makes vectors of the same size, which cannot be compared with those of the other one."""

    @property
    def name(self) -> str:
        return f"other:{self.dimension}"


@pytest.mark.parametrize("place", [*ENGINES, "server"])
@pytest.mark.parametrize("embedder", [OtherEmbedder(32), HashingEmbedder(64), None], ids=["other", "larger", "none"])
async def test_a_store_that_was_open_while_another_embedder_came_mixes_nothing(
    tmp_path: Path, server: FakeQdrant, place: Literal["local", "edge", "server"], embedder: Embedder | None
) -> None:
    def opens(embedder: Embedder | None) -> QdrantMemory:
        if place == "server":
            return QdrantMemory(server.url, api_key="key-of-qdrant", embedder=embedder)
        return QdrantMemory(path=tmp_path, engine=place, embedder=embedder)

    before, after = opens(HashingEmbedder(32)), opens(embedder)
    await before.write([memory()])
    assert await after.reindex() == 1
    for refused in (before.write([memory("m2")]), before.recall(ANN, "tea", 5, NOW)):
        with pytest.raises(ConfigurationError, match="memory reindex"):
            await refused
    assert [one.fields["memory_id"] for one in await after.recall(ANN, "tea", 5, NOW)] == ["m1"]
    await after.aclose()
    await before.aclose()


@pytest.mark.parametrize("place", [*ENGINES, "server"])
async def test_memories_are_read_in_the_order_of_writing_also_where_the_clock_was_set_back(
    tmp_path: Path, server: FakeQdrant, monkeypatch: pytest.MonkeyPatch, place: Literal["local", "edge", "server"]
) -> None:
    for number in range(4):
        monkeypatch.setattr("time.time", lambda now=2e9 - 3600.0 * number: now)
        if place == "server":
            store = QdrantMemory(server.url, api_key="key-of-qdrant")
        else:
            store = QdrantMemory(path=tmp_path, engine=place)
        await store.write([memory(f"m{number}")])
        found = [record.memory_id for record in (await store.read(OwnerSelection(), 9)).records]
        assert found == [f"m{one}" for one in range(number + 1)]
        await store.aclose()


def damage(folder: Path) -> None:
    """Empty some files of the indexes, as a disk may leave them that had no room."""
    for file in folder.rglob("status.dat"):
        file.write_bytes(b"")


async def test_a_damaged_folder_of_the_engine_is_an_error_and_not_an_endless_wait(tmp_path: Path) -> None:
    store = QdrantMemory(path=tmp_path, engine="edge")
    await store.write([memory()])
    await store.aclose()
    damage(tmp_path)
    for _ in range(2):
        with pytest.raises(StoreError, match="from a backup"):
            await asyncio.wait_for(store.recall(ANN, "tea", 5, NOW), 30)
    await asyncio.wait_for(store.aclose(), 30)


class _Harm:
    """Is a call of `open` when it is read from a pickle."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


def _plant(file: Path, point: object) -> None:
    """Put something else than a point into a collection."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS points (id TEXT PRIMARY KEY, point BLOB)")
        connection.execute("INSERT INTO points VALUES ('x', ?)", (point,))


def _plant_view(file: Path, harm: bytes) -> None:
    """Have the second reading of the points give another row than the first one, at least in one of two cases."""
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("ALTER TABLE points RENAME TO kept")
        connection.execute(
            "CREATE VIEW Points AS SELECT rowid AS rowid, id, "
            f"CASE abs(random()) % 2 WHEN 0 THEN point ELSE x'{harm.hex()}' END AS point FROM kept"
        )


@pytest.mark.parametrize("way", ["pickle", "text", "nothing", "number", "view", "name"])
async def test_a_folder_that_would_carry_out_a_program_is_refused_unread(tmp_path: Path, way: str) -> None:
    folder, harm = tmp_path / "q", pickle.dumps(_Harm(tmp_path / "harm"))
    store = QdrantMemory(path=folder)
    await store.write([memory()])
    await store.aclose()
    (file,) = folder.glob("collection/*/storage.sqlite")
    if way == "view":
        _plant_view(file, harm)
    elif way == "name":
        listed = json.loads((folder / "meta.json").read_text())
        listed["collections"]["lightagent_memory/x"] = listed["collections"]["lightagent_memory"]
        (folder / "meta.json").write_text(json.dumps(listed))
        _plant(file.parent / "x" / file.name, harm)
    else:
        _plant(file, {"pickle": harm, "text": "tea", "nothing": None, "number": 10**12}[way])
    for _ in range(5):
        with pytest.raises(StoreError, match="something else than points"):
            await store.recall(ANN, "tea", 5, NOW)
    assert not (tmp_path / "harm").exists()
    await store.aclose()


async def test_a_record_that_was_planted_under_another_owner_is_not_given(tmp_path: Path) -> None:
    store = QdrantMemory(path=tmp_path)
    await store.write([memory()])
    await store.aclose()
    terms = weigh([], str.split)
    planted = point_of(memory("m9", "The password of Bob.", BOB), terms, None, 1)
    client = QdrantClient(path=str(tmp_path))
    (kept,) = client.scroll("lightagent_memory", with_vectors=True)[0]
    payload = {**planted.payload, "owner": (kept.payload or {})["owner"]}
    vector = kept.vector
    assert isinstance(vector, dict)
    client.upsert("lightagent_memory", [models.PointStruct(id=planted.id, vector={**vector}, payload=payload)])
    client.close()
    with pytest.raises(StoreError, match="not a memory as it was written"):
        await store.recall(ANN, "green tea", 5, NOW)
    await store.aclose()


async def test_a_collection_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    client = QdrantClient(path=str(tmp_path))
    client.create_collection("lightagent_memory", vectors_config={}, sparse_vectors_config={})
    client.close()
    store = QdrantMemory(path=tmp_path)
    with pytest.raises(StoreError, match="not one that this release made"):
        await store.write([memory()])
    await store.aclose()


async def test_a_server_gets_its_key_the_right_settings_and_acknowledged_writes(server: FakeQdrant) -> None:
    store = QdrantMemory(server.url, api_key="key-of-qdrant", embedder=HashingEmbedder(32))
    await asyncio.gather(*(store.write([memory(f"m{number}", f"tea {number}")]) for number in range(5)))
    assert len(await store.recall(ANN, "tea", 9, NOW)) == 5
    assert await store.recall(BOB, "tea", 9, NOW) == []
    assert len((await store.read(OwnerSelection(user="ann"), 3)).records) == 3
    assert await store.forget(OwnerSelection(tenant="acme")) == 5
    assert set(server.indexes) == {*KEYWORDS, *NUMBERS, WRITTEN}
    assert server.indexes["owner"] == {"type": "keyword", "is_tenant": True, "enable_hnsw": True}
    assert server.indexes["tenant"] == {"type": "keyword", "is_tenant": True, "enable_hnsw": False}
    assert server.waits.count("true") == len(server.waits) - 1  # the making of the collection waits by itself
    config = server.client.get_collection("lightagent_memory").config
    assert config.metadata == {
        "lightagent_memory": {"version": 2, "embedder": "hashing:1:32", "dimension": 32},
    }
    await store.aclose()


async def test_one_store_serves_two_event_loops_at_a_server(server: FakeQdrant) -> None:
    store = QdrantMemory(server.url, api_key="key-of-qdrant")
    await store.write([memory()])

    async def elsewhere() -> int:
        return len(await store.recall(ANN, "tea", 5, NOW))

    assert await asyncio.to_thread(lambda: asyncio.run(elsewhere())) == 1
    assert await elsewhere() == 1
    await store.aclose()


async def test_a_wrong_key_and_a_failing_server_are_told_without_the_key(server: FakeQdrant) -> None:
    wrong = QdrantMemory(server.url, api_key="another-key-of-mine")
    with pytest.raises(ConfigurationError, match="api_key") as refused:
        await wrong.write([memory()])
    assert "another-key-of-mine" not in str(refused.value)
    await wrong.aclose()
    store = QdrantMemory(server.url, api_key="key-of-qdrant")
    await store.write([memory()])
    server.fails = 503
    with pytest.raises(StoreError, match="answered 503") as failed:
        await store.recall(ANN, "tea", 5, NOW)
    assert failed.value.retryable
    assert "key-of-qdrant" not in str(failed.value)
    server.fails = 0
    assert len(await store.recall(ANN, "tea", 5, NOW)) == 1
    await store.aclose()


@pytest.mark.parametrize(
    ("status", "headers", "body", "said"),
    [
        (429, {"Retry-After": "3"}, b"{}", "too much to do"),
        (429, {}, b"{}", "answered 429"),
        (200, {"Content-Type": "text/html"}, b"<html>Welcome</html>", "something else than JSON"),
        (200, {}, b"", "something else than JSON"),
        (200, {}, b"[]", "cannot be reached"),
    ],
)
async def test_odd_answers_of_a_server_are_errors_that_may_pass(
    server: FakeQdrant, status: int, headers: dict[str, str], body: bytes, said: str
) -> None:
    server.instead = (status, headers, body)
    store = QdrantMemory(server.url, api_key="key-of-qdrant")
    with pytest.raises(StoreError, match=said) as failed:
        await store.recall(ANN, "tea", 5, NOW)
    assert failed.value.retryable
    await store.aclose()


async def test_a_server_that_is_not_there_is_an_error_that_may_pass() -> None:
    with fake_qdrant() as server:
        url = server.url
    store = QdrantMemory(url)
    with pytest.raises(StoreError, match="cannot be reached") as failed:
        await store.write([memory()])
    assert failed.value.retryable
    await store.aclose()


def test_options_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    wrong: tuple[dict[str, object], ...] = (
        {},
        {"url": "http://localhost:6333", "path": str(tmp_path)},
        {"path": str(tmp_path), "collection": "../x"},
        {"url": "ftp://localhost"},
        {"url": "http://localhost:6333", "timeout": 0},
        {"url": "http://localhost:99999"},
        {"url": "http://localhost:port"},
        {"url": "http://[::1"},
        {"url": "http://localhost:6333", "api_key": "cl\u00e9"},
        {"url": "http://localhost:6333", "api_key": "key\n"},
        {"path": str(tmp_path), "engine": "other"},
        {"path": str(tmp_path), "embedder": {"model": "x"}},
    )
    for options in wrong:
        with pytest.raises(ConfigurationError):
            open_adapter("memory", "qdrant", options)


async def test_where_the_embedder_fails_words_are_left_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    embedder = FailingEmbedder(32)
    store = QdrantMemory(path=tmp_path, engine="edge", embedder=embedder)
    await store.write([memory()])
    embedder.works = False
    await store.write([memory("m2", "I like black tea.")])
    found = await store.recall(ANN, "tea", 5, NOW)
    assert {one.fields["memory_id"] for one in found} == {"m1", "m2"}
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "Memories are written without vectors",
        "Memories are found by their words",
    ]
    await store.aclose()


async def test_a_fact_that_is_written_anew_while_its_end_is_written_down_is_looked_at_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The end that is written down was found for the former memory of that id, and the point is the same."""

    def fact(name: str, at: float, *supersedes: str) -> MemoryRecord:
        return MemoryRecord(name, ANN, f"My home is {name}.", {"source": "user", "supersedes": [*supersedes]}, at)

    async def died(engine: Engine, records: Sequence[MemoryRecord]) -> None:
        """End before anything is written down."""

    store = QdrantMemory(path=tmp_path / "q", engine="local")
    await store.write([fact("north", 2.0, "west")])
    with monkeypatch.context() as patched:  # A process that died before it had written down what it superseded.
        patched.setattr("lightagent.adapters.memory.qdrant.store.settle", died)
        await store.write([fact("east", 3.0, "west")])
    end = LocalEngine.end
    meanwhile = [fact("north", 4.0)]

    async def late_end(engine: LocalEngine, ends: Mapping[str, float | None]) -> None:
        if meanwhile:
            anew = meanwhile.pop()
            await store.forget(OwnerSelection(*ANN.parts), ["north"])
            await store.write([anew])
        await end(engine, ends)

    monkeypatch.setattr(LocalEngine, "end", late_end)
    await store.write([fact("west", 1.0)])
    found = await store.recall(ANN, "home", 10, RecallFilter(1000.0, valid_at=5.0))
    await store.aclose()
    assert sorted(str(one.fields["memory_id"]) for one in found) == ["east", "north"]
