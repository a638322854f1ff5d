"""The store of memories in PostgreSQL: other embedders, servers without pgvector, lost connections, edited tables."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import psycopg
import pytest

from lightagent.adapters.embedding.hashing import HashingEmbedder
from lightagent.adapters.memory._marks import owner_mark
from lightagent.adapters.memory.postgres import PostgresMemory
from lightagent.adapters.registry import open_adapter
from lightagent.domain.errors import ConfigurationError, StoreError
from lightagent.domain.memory.recall_filter import RecallFilter
from lightagent.domain.memory.records import MemoryOwner
from lightagent.ports.embedding import Embedder
from lightagent.ports.memory import FailedPart, OwnerSelection, failed_parts
from tests.servers.postgres import PostgresServer
from tests.support.memory_parts import FailingEmbedder, memory

ANN = MemoryOwner("bank", "acme", "ann")
BOB = MemoryOwner("bank", "acme", "bob")
NOW = RecallFilter(1000.0)

Opens = Callable[[Embedder | None], PostgresMemory]


@pytest.fixture
def schema(tmp_path: Path) -> str:
    return f"memory {sha256(str(tmp_path).encode()).hexdigest()[:20]}"


@pytest.fixture
def opens(postgres: PostgresServer, schema: str) -> Opens:
    return lambda embedder: PostgresMemory(postgres.url, schema_name=schema, embedder=embedder)


async def test_another_embedder_is_refused_and_both_are_named(opens: Opens) -> None:
    store = opens(HashingEmbedder(32))
    await store.write([memory()])
    for embedder in (HashingEmbedder(64), None):
        other = opens(embedder)
        with pytest.raises(ConfigurationError, match=r"hashing:1:32.*(hashing:1:64|no embedder).*memory reindex"):
            await other.recall(ANN, "tea", 5, NOW)
        await other.aclose()
    assert len(await store.recall(ANN, "tea", 5, NOW)) == 1
    await store.aclose()


async def test_as_long_as_nothing_is_kept_any_embedder_will_do_and_who_came_before_is_told(opens: Opens) -> None:
    first, second = opens(HashingEmbedder(32)), opens(HashingEmbedder(64))
    assert await first.recall(ANN, "tea", 5, NOW) == []
    await second.write([memory()])
    with pytest.raises(ConfigurationError, match=r"hashing:1:64.*hashing:1:32"):
        await first.write([memory("m2")])
    assert [record.memory_id for record in (await second.read(OwnerSelection(), 9)).records] == ["m1"]
    await first.aclose()
    await second.aclose()


async def test_whoever_may_not_make_the_extension_keeps_memories_without_an_embedder(
    postgres: PostgresServer, schema: str
) -> None:
    postgres.execute(f'CREATE DATABASE "{schema}"')
    postgres.execute(f'GRANT CREATE ON DATABASE "{schema}" TO guest')
    url = postgres.guest_url.replace("/postgres?", f"/{schema.replace(' ', '%20')}?")
    words = PostgresMemory(url, schema_name="words")
    await words.write([memory()])
    assert len(await words.recall(ANN, "tea", 5, NOW)) == 1
    await words.aclose()
    extensions = "SELECT count(*) FROM pg_extension WHERE extname = 'vector'"
    with psycopg.connect(url.replace("guest:hunter2-hunter2@", "postgres:@")) as connection:
        assert connection.execute(extensions).fetchall() == [(0,)]


async def test_reindexing_brings_memories_over_to_another_embedder(
    opens: Opens, postgres: PostgresServer, schema: str
) -> None:
    first = opens(HashingEmbedder(32))
    await first.write([memory(f"m{number}", f"I like tea {number}.") for number in range(300)])
    await first.forget(OwnerSelection(), ["m0"])
    postgres.execute(f"""DELETE FROM "{schema}".postings WHERE record % 2 = 0""")
    for embedder in (HashingEmbedder(64), None, HashingEmbedder(16)):
        store = opens(embedder)
        assert await store.reindex() == 299
        found = await store.recall(ANN, "tea 298", 3, NOW)
        assert found[0].fields["memory_id"] == "m298"
        await store.write([memory("m299", "written before")])
        await store.aclose()
    for refused in (first.write([memory("m300")]), first.recall(ANN, "tea", 3, NOW)):
        with pytest.raises(ConfigurationError, match=r"hashing:1:16.*hashing:1:32"):
            await refused
    vectors = f"""SELECT count(*), max(vector_dims(vector)) FROM "{schema}".vectors"""
    assert postgres.execute(vectors) == [(299, 16)]
    assert postgres.execute(f"""SELECT records FROM "{schema}".owners""") == [(299,)]
    await first.aclose()


@pytest.mark.parametrize("change", ["DELETE FROM {}.version", "UPDATE {}.version SET number = 1"])
async def test_nothing_is_acknowledged_where_the_tables_are_no_longer_those_of_this_release(
    opens: Opens, postgres: PostgresServer, schema: str, change: str
) -> None:
    store = opens(HashingEmbedder(32))
    await store.write([memory()])
    postgres.execute(change.format(f'"{schema}"'))
    for refused in (store.write([memory("m2")]), store.recall(ANN, "tea", 5, NOW)):
        with pytest.raises(StoreError, match="not those of this release"):
            await refused
    await store.aclose()


async def test_a_write_goes_on_after_all_connections_were_lost(opens: Opens, postgres: PostgresServer) -> None:
    store = opens(None)
    await store.write([memory()])
    postgres.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = 'postgres'"
    )
    await asyncio.gather(*(store.write([memory(f"m{number}")]) for number in range(5)))
    assert len((await store.read(OwnerSelection(), 9)).records) == 5
    await store.aclose()


async def test_a_record_that_was_moved_to_another_owner_is_not_given(
    opens: Opens, postgres: PostgresServer, schema: str
) -> None:
    store = opens(HashingEmbedder(32))
    await store.write([memory(), memory("m2", "The password of Bob is green tea.", BOB)])
    postgres.execute(f"""UPDATE "{schema}".records SET owner = '\\x{owner_mark(ANN).hex()}'""")
    postgres.execute(f"""UPDATE "{schema}".vectors SET owner = '\\x{owner_mark(ANN).hex()}'""")
    with pytest.raises(StoreError, match="another owner"):
        await store.recall(ANN, "green tea", 5, NOW)
    await store.aclose()


async def test_what_was_forgotten_leaves_no_row_behind(opens: Opens, postgres: PostgresServer, schema: str) -> None:
    store = opens(HashingEmbedder(32))
    await store.write([memory(), memory("m2", "Bob likes tea.", BOB)])
    assert await store.forget(OwnerSelection(user="ann")) == 1
    counts = [
        postgres.execute(f"""SELECT count(*) FROM "{schema}".{table}""")[0][0]
        for table in ("records", "owners", "vectors")
    ]
    assert counts == [1, 1, 1]
    left = postgres.execute(f"""SELECT count(*) FROM "{schema}".postings WHERE record NOT IN
        (SELECT id FROM "{schema}".records)""")
    assert left == [(0,)]
    await store.aclose()


def test_options_are_checked_and_secrets_are_not_shown() -> None:
    with pytest.raises(ConfigurationError, match="schema_name") as refused:
        open_adapter("memory", "postgres", {"url": "postgresql://ann:hunter2-hunter2@host/db", "schema": "x"})
    assert "hunter2" not in str(refused.value)
    store = open_adapter("memory", "postgres", {"url": "postgresql://ann:hunter2-hunter2@host/db"})
    assert "ann@host/db" in repr(store)
    assert "hunter2" not in repr(store)
    with pytest.raises(ConfigurationError, match=r"memory\.embedder\.kind"):
        open_adapter("memory", "postgres", {"url": "postgresql://host/db", "embedder": {"model": "x"}})


async def test_where_the_embedder_fails_words_are_left_and_the_log_says_so(
    opens: Opens, caplog: pytest.LogCaptureFixture
) -> None:
    embedder = FailingEmbedder(32)
    store = opens(embedder)
    await store.write([memory()])
    embedder.works = False
    await store.write([memory("m2", "I like black tea.")])
    found = await store.recall(ANN, "tea", 5, NOW)
    assert {one.fields["memory_id"] for one in found} == {"m1", "m2"}
    assert failed_parts(found) == (FailedPart("meaning", "ProviderError"),)
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        "Memories are written without vectors",
        "Memories are found by their words",
    ]
    await store.aclose()


@pytest.mark.parametrize(("table", "part"), [("vectors", "meaning"), ("postings", "words")])
async def test_where_a_half_of_the_search_fails_the_other_answers(
    postgres: PostgresServer, opens: Opens, schema: str, table: str, part: str
) -> None:
    store = opens(HashingEmbedder(32))
    await store.write([memory()])
    postgres.execute(f"""DROP TABLE "{schema}".{table}""")
    found = await store.recall(ANN, "green tea", 5, NOW)
    assert [one.text for one in found] == ["I like green tea."]
    assert failed_parts(found) == (FailedPart("meaning" if part == "meaning" else "words", "UndefinedTable"),)
    await store.aclose()
